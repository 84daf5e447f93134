use super::*;
use crate::testing;

fn raw<'a>(method: &'a str, target: &'a str) -> RawHead<'a> {
    RawHead {
        method: method.as_bytes(),
        target: target.as_bytes(),
        version: HttpVersion::Http11,
        scheme: Scheme::Http,
        authority: None,
        framing: Framing::None,
        size: (8, 256),
    }
}

fn run(head: &RawHead<'_>, peer: &str, fields: &[(&str, &str)]) -> Result<Arrival, Box<Refusal>> {
    let mut plan = testing::plan("127.0.0.1:1");
    plan.gateway.trusted_proxies = vec!["10.0.0.0/8".to_owned()];
    let edge = Edge::new(Arc::new(Engine::new(plan).unwrap()));
    let client = testing::client(peer);
    let fields: Vec<(&[u8], &[u8])> = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let id = RequestId::new(stockade_model::Timestamp(0), 1);
    normalise(&edge, &client, id, head, fields.into_iter())
}

fn get(target: &str, fields: &[(&str, &str)]) -> Result<Request, &'static str> {
    run(&raw("GET", target), "192.0.2.9", fields).map(|arrival| *arrival.request).map_err(|refusal| refusal.reason.code)
}

const HOST: (&str, &str) = ("Host", "api.example");

#[test]
fn a_plain_request_keeps_its_end_to_end_fields() {
    let request =
        get("/a/./b?x=1&y={2}", &[("HOST", "API.example:80"), ("Accept", "*/*"), ("Keep-Alive", "5")]).unwrap();
    assert_eq!(request.authority, "api.example:80");
    assert_eq!(request.path.as_str(), "/a/b");
    assert_eq!(request.query.as_deref(), Some("x=1&y={2}"));
    assert_eq!(request.headers.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["accept"]);
}

#[test]
fn exactly_one_valid_host_is_needed() {
    for fields in [&[][..], &[HOST, HOST], &[("Host", "a@b")], &[("Host", "a/b")], &[("Host", "a,b")], &[("Host", "")]]
    {
        assert_eq!(get("/", fields).unwrap_err(), "request.host", "{fields:?}");
    }
}

#[test]
fn target_forms_are_confined() {
    for target in
        ["", "a", "*", "api.example:80", "http://other.example/", "https://api.example/", "http://api.example?x"]
    {
        assert_eq!(get(target, &[HOST]).unwrap_err(), "request.target", "{target}");
    }
    assert_eq!(get("http://u@api.example/", &[HOST]).unwrap_err(), "request.target");
    assert_eq!(get("HTTP://API.example/a", &[HOST]).unwrap().path.as_str(), "/a");
    assert_eq!(get("http://api.example", &[HOST]).unwrap().path.as_str(), "/");
    assert!(run(&raw("OPTIONS", "*"), "192.0.2.9", &[HOST]).is_ok());
    for target in ["/a#b", "/a\u{e9}", "/a|b", "/a%2fb", "/%zz", "/../x", "//x"] {
        assert_eq!(get(target, &[HOST]).unwrap_err(), "request.path", "{target}");
    }
    for target in ["/?a#b", "/?\u{e9}", "/?a b", "/?<x>", "/?\"", "/?\u{1}"] {
        assert_eq!(get(target, &[HOST]).unwrap_err(), "request.query", "{target}");
    }
    let long = format!("/{}", "a".repeat(9000));
    assert_eq!(get(&long, &[HOST]).unwrap_err(), "request.target_too_long");
}

#[test]
fn methods_are_upper_case_tokens_and_two_are_never_served() {
    for (method, code) in [
        ("get", "request.method"),
        ("G@T", "request.method"),
        ("", "request.method"),
        ("CONNECT", "request.method_not_served"),
        ("TRACE", "request.method_not_served"),
    ] {
        let refusal = run(&raw(method, "/"), "192.0.2.9", &[HOST]).unwrap_err();
        assert_eq!(refusal.reason.code, code, "{method}");
    }
    assert!(run(&raw("M-SEARCH", "/"), "192.0.2.9", &[HOST]).is_ok());
}

#[test]
fn forwarding_fields_of_strangers_are_taken_out() {
    let fields = [
        HOST,
        ("X-Forwarded-For", "203.0.113.1"),
        ("Forwarded", "for=203.0.113.1;proto=https"),
        ("X-Real-IP", "203.0.113.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Prefix", "/x"),
        ("X-Original-URL", "/admin"),
        ("X-Stockade-Id", "1"),
    ];
    let request = get("/", &fields).unwrap();
    assert!(request.headers.is_empty());
    assert_eq!(request.client.address.to_string(), "192.0.2.9");
    assert_eq!(request.scheme, Scheme::Http);
    assert_eq!(request.authority, "api.example");
}

#[test]
fn trusted_proxies_are_believed_up_to_the_first_stranger_from_the_right() {
    let from = |fields: &[(&str, &str)]| run(&raw("GET", "/"), "10.0.0.1", fields).unwrap().request;
    let request = from(&[
        HOST,
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Forwarded-For", "203.0.113.7, 10.2.2.2"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "Shop.example"),
    ]);
    assert_eq!(request.client.address.to_string(), "203.0.113.7");
    assert_eq!(request.client.peer.to_string(), "10.0.0.1");
    assert_eq!(request.scheme, Scheme::Https);
    assert_eq!(request.authority, "shop.example");
    let all_trusted = from(&[HOST, ("X-Forwarded-For", "10.9.9.9, 10.2.2.2")]);
    assert_eq!(all_trusted.client.address.to_string(), "10.9.9.9");
    let unreadable = from(&[HOST, ("X-Forwarded-For", "203.0.113.1, unknown, 10.2.2.2")]);
    assert_eq!(unreadable.client.address.to_string(), "10.2.2.2");
    let standard = from(&[HOST, ("Forwarded", "for=1.2.3.4, for=\"[2001:db8::7]:4711\";proto=https;host=a.example")]);
    assert_eq!(standard.client.address.to_string(), "2001:db8::7");
    assert_eq!(standard.authority, "a.example");
    assert_eq!(from(&[HOST, ("X-Real-IP", "203.0.113.8")]).client.address.to_string(), "203.0.113.8");
}

#[test]
fn connection_may_name_only_hop_by_hop_fields() {
    assert_eq!(get("/", &[HOST, ("Connection", "close, Authorization")]).unwrap_err(), "request.connection_nominates");
    let arrival =
        run(&raw("GET", "/"), "192.0.2.9", &[HOST, ("Connection", "Close, TE"), ("TE", "gzip, trailers;q=1")]);
    let arrival = arrival.unwrap();
    assert!(arrival.close && !arrival.keep_alive);
    assert_eq!(arrival.request.headers.get("te"), Some(&b"trailers"[..]));
    assert!(!arrival.request.headers.contains("connection"));
}

#[test]
fn underscores_are_refused_and_never_alias_what_matters() {
    assert_eq!(get("/", &[HOST, ("Content_Length", "5")]).unwrap_err(), "request.underscore");
    assert_eq!(get("/", &[HOST, ("x_y", "5")]).unwrap_err(), "request.underscore");
    let mut plan = testing::plan("127.0.0.1:1");
    plan.gateway.refuse_underscore_headers = false;
    let edge = Edge::new(Arc::new(Engine::new(plan).unwrap()));
    let id = RequestId::new(stockade_model::Timestamp(0), 1);
    let one = |name: &'static [u8]| {
        let fields = [(&b"host"[..], &b"a"[..]), (name, b"1")];
        normalise(&edge, &testing::client("192.0.2.1"), id, &raw("GET", "/"), fields.into_iter()).is_ok()
    };
    assert!(one(b"x_y"));
    assert!(!one(b"x_forwarded_for"));
    assert!(!one(b"Transfer_Encoding"));
}

#[test]
fn only_websocket_upgrades_are_passed_on() {
    let handshake = [
        HOST,
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ];
    let request = get("/", &handshake).unwrap();
    assert_eq!(request.upgrade, Some(Upgrade::WebSocket));
    assert!(!request.headers.contains("sec-websocket-extensions"));
    assert!(!request.headers.contains("upgrade"));
    let mut post = raw("POST", "/");
    assert_eq!(run(&post, "192.0.2.9", &handshake).unwrap_err().reason.code, "request.websocket");
    post.method = b"GET";
    post.framing = Framing::Length(5);
    assert_eq!(run(&post, "192.0.2.9", &handshake).unwrap_err().reason.code, "request.websocket");
    let mut old = handshake;
    old[4].1 = "99";
    assert_eq!(get("/", &old).unwrap_err(), "request.websocket_version");
    let mut bad_key = handshake;
    bad_key[3].1 = "short";
    assert_eq!(get("/", &bad_key).unwrap_err(), "request.websocket");
    let h2c = get("/", &[HOST, ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "A")]);
    let h2c = h2c.unwrap();
    assert_eq!(h2c.upgrade, None);
    assert!(h2c.headers.is_empty());
}

#[test]
fn only_one_expectation_is_known() {
    assert_eq!(get("/", &[HOST, ("Expect", "200-ok")]).unwrap_err(), "request.expectation");
    assert!(run(&raw("POST", "/"), "192.0.2.9", &[HOST, ("Expect", "100-Continue")]).unwrap().expects_continue);
}

#[test]
fn a_body_has_one_type() {
    let json = ("Content-Type", "application/json");
    assert_eq!(get("/", &[HOST, json]).unwrap().headers.get("content-type"), Some(&b"application/json"[..]));
    assert_eq!(get("/", &[HOST, ("content-type", "image/png"), json]).unwrap_err(), "request.content_type");
    assert_eq!(get("/", &[HOST, json, json]).unwrap_err(), "request.content_type");
    let odd = ("Content-Type", "application/x-www-form-urlencoded; a=\u{e9}");
    assert_eq!(get("/", &[HOST, odd]).unwrap_err(), "request.content_type");
}

#[test]
fn cookie_crumbs_are_joined() {
    let request = get("/", &[HOST, ("Cookie", "a=1"), ("x-a", "1"), ("Cookie", "b=2")]).unwrap();
    assert_eq!(request.headers.get_all("cookie").collect::<Vec<_>>(), [&b"a=1; b=2"[..]]);
    let mut head = raw("GET", "/");
    head.version = HttpVersion::Http2;
    head.authority = Some(b"api.example");
    let request = run(&head, "192.0.2.9", &[("cookie", "a=1"), ("cookie", "b=2")]).unwrap().request;
    assert_eq!(request.headers.get("cookie"), Some(&b"a=1; b=2"[..]));
    assert!(run(&head, "192.0.2.9", &[("host", "API.example")]).is_ok());
    assert_eq!(run(&head, "192.0.2.9", &[("host", "other")]).unwrap_err().reason.code, "request.host");
    assert_eq!(run(&head, "192.0.2.9", &[("x", " padded")]).unwrap_err().reason.code, "request.field");
    head.target = b"http://api.example/";
    assert_eq!(run(&head, "192.0.2.9", &[]).unwrap_err().reason.code, "request.target");
}

#[test]
fn fields_are_counted_and_measured() {
    let many: Vec<_> = std::iter::once(HOST).chain(std::iter::repeat_n(("x", "y"), 100)).collect();
    assert_eq!(get("/", &many).unwrap_err(), "request.too_many_fields");
    let big = "v".repeat(17 * 1024);
    assert_eq!(get("/", &[HOST, ("x", &big)]).unwrap_err(), "request.field_too_large");
}

proptest::proptest! {
    #[test]
    fn the_case_of_a_host_never_matters(host in "[a-zA-Z0-9-]{1,12}(\\.[a-zA-Z0-9-]{1,300}){0,3}(:[0-9]{1,5})?") {
        let asked = |host: &str| get("/", &[("host", host)]).map(|request| request.authority);
        proptest::prop_assert_eq!(asked(&host), asked(&host.to_ascii_lowercase()));
        proptest::prop_assert_eq!(asked(&host), asked(&host.to_ascii_uppercase()));
    }

    #[test]
    fn what_was_normalised_is_its_own_normal_form(
        target in "/[a-z./%{}]{0,12}(\\?[ -~]{0,12})?",
        host in "[a-zA-Z0-9.:-]{1,12}",
    ) {
        if let Ok(request) = get(&target, &[("host", &host)]) {
            let again = get(&request.target(), &[("host", &request.authority)]).unwrap();
            proptest::prop_assert_eq!(again.target(), request.target());
            proptest::prop_assert_eq!(again.authority, request.authority);
        }
    }
}
