use super::*;

/// A rule set of phase-1 and phase-2 rules, written as the plan has them.
fn rules(settings: &str, first: &str, second: &str) -> Arc<RuleSet> {
    let plan = format!(
        r#"{{"engine": "on", "request_body": true, "request_body_limit": 10000, "request_body_no_files_limit": 10000,
            "request_body_refuse": true, "response_body": true, "response_body_limit": 1000,
            "response_body_refuse": false, "response_media_types": ["text/html"], "json_depth": 20, "arguments": 100,
            "argument_separator": "&", "upload_files": 10, "collection_timeout_s": 60, "unicode_map": [],
            "files": ["r.conf"], "tags": ["t/one"], {settings} "phases": [[{first}], [{second}], [], [], []]}}"#
    );
    Arc::new(RuleSet::new(&serde_json::from_str(&plan).unwrap()).unwrap())
}

fn rule(id: u64, disruptive: &str, links: &str) -> String {
    format!(
        r#"{{"id": {id}, "file": 0, "line": {id}, "tags": [0], "log": true, "audit": true,
            "msg": ["m ", {{"collection": "MATCHED_VAR_NAME", "key": null}}],
            "disruptive": {{"kind": "{disruptive}"{}}}, "links": [{links}]}}"#,
        if disruptive == "deny" { r#", "status": 418"# } else { "" }
    )
}

fn run(rules: &Arc<RuleSet>, raw: &[u8]) -> (Vec<Match>, Option<Denial>) {
    let circumstances = Circumstances {
        client: "192.0.2.1".to_owned(),
        client_port: 1,
        server: "192.0.2.2".to_owned(),
        server_port: 80,
        id: "x".to_owned(),
        now_us: 1_000_000,
    };
    let mut transaction = Transaction::new(Arc::clone(rules), Arc::default(), circumstances);
    let (message, rest) = Message::parse(raw);
    transaction.request_head(&message);
    transaction.request_body(&message.body(rest), true);
    transaction.finish();
    (transaction.take_matches(), transaction.denial().cloned())
}

const GET: &[u8] = b"GET /a?id=1%27&n=5 HTTP/1.1\r\nHost: h\r\nX-A: Select\r\n\r\n";

#[test]
fn a_match_refuses_with_its_status_and_says_what_matched() {
    let links = r#"{"line": 1, "targets": [{"collection": "ARGS"}], "operator": {"name": "rx", "argument": ["'$"]}}"#;
    let (matches, denial) = run(&rules("", &rule(1, "deny", links), &rule(2, "deny", links)), GET);
    let denial = denial.unwrap();
    assert_eq!((denial.status, denial.rule, denial.place.as_str()), (418, 1, "r.conf:1"));
    assert_eq!((denial.variable.as_str(), denial.message.as_str()), ("ARGS:id", "m ARGS:id"));
    assert_eq!(matches.len(), 1, "nothing runs after a refusal");
    assert_eq!(matches[0].denied, Some(418));
}

#[test]
fn a_chain_matches_only_as_a_whole_and_sees_what_its_links_set() {
    let links = r#"{"line": 1, "targets": [{"collection": "REQUEST_HEADERS", "key": "x-a"}], "capture": true,
        "transformations": ["lowercase"], "operator": {"name": "rx", "argument": ["^(sel)(ect)$"]},
        "effects": [{"kind": "set", "collection": "TX", "key": ["n"], "change": "+", "value": ["4"]}]},
        {"line": 2, "targets": [{"collection": "TX", "key": "n"}], "operator": {"name": "eq", "argument": ["4"]}},
        {"line": 3, "targets": [{"collection": "TX", "key": "2"}], "operator": {"name": "streq", "argument": ["ect"]}}"#;
    assert_eq!(run(&rules("", &rule(1, "pass", links), ""), GET).0.len(), 1);
    let broken = links.replace("\"4\"]}}", "\"5\"]}}");
    assert!(run(&rules("", &rule(1, "pass", &broken), ""), GET).0.is_empty());
}

#[test]
fn targets_can_be_counted_left_out_and_taken_out_while_running() {
    let count = r#"{"line": 1, "targets": [{"collection": "ARGS", "count": true}],
        "operator": {"name": "eq", "argument": ["2"]}}"#;
    let without = r#"{"line": 1, "targets": [{"collection": "ARGS"}, {"collection": "ARGS", "key": "ID", "exclude": true}],
        "operator": {"name": "contains", "argument": ["'"]}}"#;
    let with =
        r#"{"line": 1, "targets": [{"collection": "ARGS"}], "operator": {"name": "contains", "argument": ["'"]}}"#;
    let action = r#"{"line": 1, "effects": [{"kind": "remove_targets", "tag": "^t/", "targets": [{"collection": "ARGS",
        "key": "id"}]}]}"#;
    assert_eq!(run(&rules("", &rule(1, "pass", count), ""), GET).0.len(), 1);
    assert_eq!(run(&rules("", &rule(1, "pass", without), ""), GET).0.len(), 0);
    assert_eq!(run(&rules("", &rule(1, "pass", with), ""), GET).0.len(), 1);
    let ids = |found: Vec<Match>| found.iter().map(|one| one.rule).collect::<Vec<_>>();
    let both = format!("{},{}", rule(1, "pass", action), rule(2, "pass", with));
    assert_eq!(ids(run(&rules("", &both, ""), GET).0), [1]);
}

#[test]
fn bodies_are_arguments_and_what_cannot_be_read_is_told() {
    let args = r#"{"line": 1, "targets": [{"collection": "ARGS", "key": "json.a.0.b"}],
        "operator": {"name": "streq", "argument": ["x"]}}"#;
    let broken =
        r#"{"line": 1, "targets": [{"collection": "REQBODY_ERROR"}], "operator": {"name": "eq", "argument": ["1"]}}"#;
    let json = r#"{"line": 1, "effects": [{"kind": "body_processor", "name": "JSON"}]}"#;
    let rules = rules("", &rule(1, "pass", json), &format!("{},{}", rule(2, "pass", args), rule(3, "pass", broken)));
    let ids = |raw: &[u8]| run(&rules, raw).0.iter().map(|one| one.rule).collect::<Vec<_>>();
    assert_eq!(ids(b"POST / HTTP/1.1\r\n\r\n{\"a\":[{\"b\":\"x\"}]}"), [1, 2]);
    assert_eq!(ids(b"POST / HTTP/1.1\r\n\r\n{\"a\":"), [1, 3]);
}

#[test]
fn a_body_that_cannot_be_read_is_refused_where_no_rule_asks() {
    let any =
        r#"{"line": 1, "targets": [{"collection": "ARGS"}], "operator": {"name": "contains", "argument": ["zz"]}}"#;
    let rules = rules("", "", &rule(1, "pass", any));
    let broken = b"POST / HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{\"a\":";
    assert_eq!(run(&rules, broken).1.map(|denial| denial.status), Some(400));
    let many = format!("POST / HTTP/1.1\r\nContent-Type: application/json\r\n\r\n[{}1]", "1,".repeat(200));
    assert_eq!(run(&rules, many.as_bytes()).1.map(|denial| denial.status), Some(400));
}

#[test]
fn what_a_rule_remembers_is_there_for_the_next_request() {
    let open = r#"{"line": 1, "effects": [{"kind": "open_collection", "collection": "IP", "key": [{"collection":
        "REMOTE_ADDR", "key": null}]}, {"kind": "set", "collection": "IP", "key": ["n"], "change": "+", "value": ["1"]}]}"#;
    let many =
        r#"{"line": 1, "targets": [{"collection": "IP", "key": "n"}], "operator": {"name": "ge", "argument": ["2"]}}"#;
    let rules = rules("", &format!("{},{}", rule(1, "pass", open), rule(2, "deny", many)), "");
    let memory = Arc::new(Memory::new());
    let mut statuses = Vec::new();
    for now_us in [1_000_000, 2_000_000, 90_000_000] {
        let circumstances = Circumstances {
            client: "192.0.2.1".to_owned(),
            client_port: 1,
            server: String::new(),
            server_port: 80,
            id: String::new(),
            now_us,
        };
        let mut transaction = Transaction::new(Arc::clone(&rules), Arc::clone(&memory), circumstances);
        transaction.request_head(&Message::parse(GET).0);
        statuses.push(transaction.denial().map(|denial| denial.status));
    }
    assert_eq!(statuses, [None, Some(418), None], "the record ends after its time");
}

#[test]
fn a_rule_that_cannot_be_run_is_told_with_its_place() {
    let links = r#"{"line": 7, "targets": [{"collection": "ARGS"}], "operator": {"name": "rx", "argument": ["(a"]}}"#;
    let plan = serde_json::from_str(&format!(
        r#"{{"engine": "on", "request_body": true, "request_body_limit": 1, "request_body_no_files_limit": 1,
            "request_body_refuse": true, "response_body": true, "response_body_limit": 1, "response_body_refuse": false,
            "response_media_types": [], "json_depth": 20, "arguments": 100, "argument_separator": "&", "upload_files": 1,
            "collection_timeout_s": 60, "unicode_map": [], "files": ["r.conf"], "tags": ["t"],
            "phases": [[{}], [], [], [], []]}}"#,
        rule(1, "pass", links)
    ))
    .unwrap();
    let error = RuleSet::new(&plan).unwrap_err();
    assert_eq!(error.place, "r.conf:7");
    assert!(error.problem.contains("pattern"), "{}", error.problem);
}
