"""Containment: the narrowest selector that covers the attack, by whom else it would hit."""

from __future__ import annotations

from typing import Any

from stockade.detect.behaviour.observation import Observation, read
from stockade.model.decision import DecisionAction
from stockade.respond.actions.contain import Suspect, Traffic, measure

NAT = "198.51.100.7"


def seen(place: int, *, subject: str = "", address: str = NAT, agent: str = "Browser/1", **more: Any) -> Observation:
    told: dict[str, Any] = {
        "kind": "exchange",
        "id": f"e-{place}",
        "time": 10**15 + place,
        "api": "shop",
        "operation": more.get("operation", "getOrder"),
        "verdict": "allowed",
        "client": {"address": address},
        "request": {"method": "GET", "path": "/orders/1", "version": "1.1", "user_agent": agent},
        "response": {"status": more.get("status", 200), "body_bytes": 10},
        "timing": {"upstream_us": 5},
    }
    if subject:
        token = more.get("token", f"t-{subject}")
        told["identity"] = {"method": "jwt", "subject": subject, "roles": ["customer"], "token_hash": token}
    found = read(told)
    assert found is not None
    return found


def crowd() -> Traffic:
    """200 good people behind one address, half of them with each of two browsers."""
    traffic = Traffic(lambda actor: "bad" not in actor)
    for place in range(200):
        traffic.add(seen(place, subject=f"u{place}", agent=f"Browser/{place % 2}"))
    return traffic


def chosen(traffic: Traffic, suspect: Suspect) -> tuple[dict[str, str], DecisionAction, int]:
    found = measure(suspect, traffic, lambda _: 0)
    assert found is not None
    return dict(found.selector), found.action, found.collateral


def test_an_account_that_abuses_is_stopped_alone_and_only_at_its_api() -> None:
    traffic = crowd()
    traffic.add(bad := seen(900, subject="bad"))
    suspect = Suspect("subject:bad", "object_enumeration", bad)
    assert chosen(traffic, suspect) == ({"subject": "bad", "api": "shop"}, DecisionAction.BLOCK, 0)


def test_a_stolen_token_is_stopped_where_the_thief_is_and_its_owner_goes_on() -> None:
    traffic = crowd()
    traffic.add(bad := seen(901, subject="u7", address="203.0.113.9", agent="Tool/9"))
    suspect = Suspect(f"replay:{bad.token}|{bad.address}|{bad.print}", "token_replay", bad)
    selector, action, collateral = chosen(traffic, suspect)
    assert selector == {"token": "t-u7", "address": "203.0.113.9", "header:user-agent": "Tool/9"}
    assert (action, collateral) == (DecisionAction.BLOCK, 0)


def test_a_rare_client_behind_a_shared_address_is_told_apart() -> None:
    traffic = crowd()
    traffic.add(bad := seen(902, agent="Tool/9", operation="login", status=401))
    suspect = Suspect(f"client:{NAT}|{bad.print}", "credential_stuffing", bad)
    selector, action, collateral = chosen(traffic, suspect)
    assert selector == {"address": NAT, "header:user-agent": "Tool/9", "operation": "login", "api": "shop"}
    assert (action, collateral) == (DecisionAction.BLOCK, 0)


def test_what_many_good_people_share_is_never_blocked() -> None:
    traffic = crowd()
    traffic.add(bad := seen(903, agent="Browser/1", status=404))
    suspect = Suspect(f"client:{NAT}|{bad.print}", "reconnaissance", bad)
    _, action, collateral = chosen(traffic, suspect)
    assert action in (DecisionAction.SLOW_DOWN, DecisionAction.WATCH)
    assert collateral >= 100


def test_a_common_look_is_not_blocked_when_many_are_known_to_have_it() -> None:
    traffic = crowd()
    traffic.add(bad := seen(904, address="203.0.113.1", agent="Common/1", operation="login", status=401))
    suspect = Suspect(f"print:{bad.print}", "credential_stuffing", bad, sharers=40)
    _, action, _ = chosen(traffic, suspect)
    assert action is DecisionAction.WATCH


def test_what_is_forgotten_is_counted_no_more() -> None:
    traffic = Traffic(lambda _: True, most=50)
    for place in range(200):
        traffic.add(seen(place, subject=f"u{place}"))
    bad = seen(999, subject="bad")
    assert traffic.collateral({"address": NAT}, Suspect("subject:bad", "scraping", bad)) == 50
    assert traffic.good() == 50
