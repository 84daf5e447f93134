//! Decisions that do not simply block: challenge, limit, slow down, watch.

use aws_lc_rs::digest::{SHA256, digest};
use stockade_model::{Decision, DecisionAction, Puzzle};

use crate::play::Play;
use crate::{decision, shop_play, shop_with};

const BROWSER: &str = "> GET /products\n  accept: text/html\n  user-agent: Browser/1";

fn played(decisions: Vec<Decision>) -> Play {
    let play = shop_play();
    play.state.set_decisions(decisions, play.now());
    play
}

fn solved(puzzle: &Puzzle) -> String {
    let number = (0_u64..)
        .find(|number| {
            let hash = digest(&SHA256, format!("{}:{number}", puzzle.prefix).as_bytes());
            u32::from_be_bytes(hash.as_ref()[..4].try_into().unwrap()).leading_zeros() >= u32::from(puzzle.bits)
        })
        .unwrap();
    format!("{}.{number}", puzzle.span)
}

#[test]
fn a_browser_that_did_the_work_passes_for_an_hour_and_nobody_else_with_its_answer() {
    let mut play = played(vec![decision("c", DecisionAction::Challenge, &[("address", "192.0.2.0/24")], 7200)]);
    let outcome = play.ask(BROWSER);
    assert_eq!(outcome.told, "403 decisions.challenged");
    let puzzle = outcome.refused.unwrap().refusal.puzzle.unwrap();
    assert!(puzzle.page);
    let answer = solved(&puzzle);
    let shown = |answer: &str| format!("{BROWSER}\n  cookie: a=b; stockade-proof={answer}");
    assert_eq!(play.ask(&shown(&answer)).told, "pass listProducts address:192.0.2.1");
    let field = format!("> GET /products\n  user-agent: Browser/1\n  x-stockade-proof: {answer}");
    assert_eq!(play.ask(&field).told, "pass listProducts address:192.0.2.1");
    let of_another = shown(&answer).replace("Browser/1", "Browser/2");
    assert_eq!(play.ask(&of_another).told, "403 decisions.challenged");
    let from_elsewhere = shown(&answer).replace("/products\n", "/products from 192.0.2.9\n");
    assert_eq!(play.ask(&from_elsewhere).told, "403 decisions.challenged");
    for wrong in ["", ".", "1.1", "99999999999999999999.1", &answer.replace('.', "0."), &"9".repeat(65)] {
        assert_eq!(play.ask(&shown(wrong)).told, "403 decisions.challenged", "{wrong}");
    }
    let later = shown(&answer).replace("/products\n", "/products at 4000\n");
    assert_eq!(play.ask(&later).told, "403 decisions.challenged");
}

#[test]
fn a_program_is_asked_for_a_new_credential() {
    let mut play = played(vec![decision("c", DecisionAction::Challenge, &[("subject", "alice")], 60)]);
    let outcome = play.ask("> GET /orders/7\n  authorization: Bearer $alice");
    assert_eq!(outcome.told, "401 decisions.challenged");
    let refusal = outcome.refused.unwrap().refusal;
    assert!(refusal.challenge.unwrap().contains("insufficient_user_authentication"));
    assert!(!refusal.puzzle.unwrap().page);
}

#[test]
fn a_limit_admits_its_rate_and_tells_when_to_come_back() {
    let limit = Decision { rate: Some(6), ..decision("l", DecisionAction::Limit, &[("address", "192.0.2.0/24")], 60) };
    let mut play = played(vec![limit]);
    let told: Vec<_> = (0..8).map(|_| play.ask("> GET /products")).collect();
    assert_eq!(told.iter().filter(|one| one.told.starts_with("pass")).count(), 6);
    assert_eq!(told[7].told, "429 decisions.limited");
    let refusal = &told[7].refused.as_ref().unwrap().refusal;
    assert_eq!(refusal.retry_after_s, Some(10));
    assert_eq!(play.ask("> GET /products at 10").told, "pass listProducts address:192.0.2.1");
    assert_eq!(play.ask("> GET /products at 10").told, "429 decisions.limited");
}

#[test]
fn who_is_slowed_waits_and_who_is_watched_only_gets_a_note() {
    let slow = Decision {
        delay_ms: Some(60_000),
        ..decision("s", DecisionAction::SlowDown, &[("address", "192.0.2.0/24")], 60)
    };
    let mut play = played(vec![slow, decision("w", DecisionAction::Watch, &[("subject", "alice")], 60)]);
    let mut cleared = play.ask("> GET /products").cleared.unwrap();
    // However long it was told, no longer than ten seconds.
    assert_eq!(cleared.take_wait_ms(), 10_000);
    let outcome = play.ask("> GET /orders/7 from 198.51.100.1\n  authorization: Bearer $alice");
    assert_eq!(outcome.told, "pass getOrder subject:alice");
    let note = outcome.record.notes.iter().find(|note| note.setting == "decisions.w").unwrap();
    assert_eq!(note.outcome, "pass");
    assert_eq!(outcome.cleared.unwrap().take_wait_ms(), 0);
}

#[test]
fn an_allow_lifts_all_of_them_and_monitor_mode_carries_none_out() {
    let all = [DecisionAction::Challenge, DecisionAction::Limit, DecisionAction::SlowDown];
    let decisions = |allow: bool| {
        let mut made: Vec<_> =
            all.iter().map(|action| decision("d", *action, &[("address", "192.0.2.0/24")], 60)).collect();
        if allow {
            made.push(decision("a", DecisionAction::Allow, &[("address", "192.0.2.1")], 60));
        }
        made
    };
    let mut play = played(decisions(true));
    let mut outcome = play.ask("> GET /products");
    assert_eq!(outcome.told, "pass listProducts address:192.0.2.1");
    assert_eq!(outcome.cleared.as_mut().unwrap().take_wait_ms(), 0);
    let mut play = shop_with(|api| api["mode"] = serde_json::json!("monitor"));
    play.state.set_decisions(decisions(false), play.now());
    let mut outcome = play.ask("> GET /products");
    assert_eq!(outcome.told, "would decisions.challenged");
    assert_eq!(outcome.cleared.as_mut().unwrap().take_wait_ms(), 0);
}
