//! Signed requests: the examples of RFC 9421, and what is no signature.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::proofs::{ask, with_methods};

// RFC 9421 B.1: keys, as JWKs.
const RSA_PSS: &str = r#"{"kty":"RSA","e":"AQAB","n":"r4tmm3r20Wd_PbqvP1s2-QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct-Lh1GH45x28Rw3Ry53mm-oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHqgDsznjPFmTOtCEcN2Z1FpWgchwuYLPL-Wokqltd11nqqzi-bJ9cvSKADYdUAAN5WUtzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4aOT9v6d-nb4bnNkQVklLQ3fVAvJm-xdDOp9LCNCN48V2pnDOkFV6-U9nV5oyc6XI2w"}"#;
const ECC_P256: &str = r#"{"kty":"EC","crv":"P-256","x":"qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA","y":"Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0"}"#;
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}"#;
const SECRET: &str =
    r#"{"kty":"oct","k":"uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ"}"#;
/// When its messages were signed.
const SIGNED: u64 = 1_618_884_473;
const DIGEST: &str =
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";

fn signatures(cover: &[&str], digest: bool) -> Value {
    let key = |id: &str, algorithm: &str, key: &str| json!({"id": id, "algorithm": algorithm, "key": key, "subject": id, "roles": [], "scopes": [], "expires_at": null});
    json!({
        "kind": "signature", "name": "signature", "cover": cover, "digest": digest, "tag": null, "window_s": 300, "skew_s": 30,
        "keys": [
            key("test-key-rsa-pss", "rsa-pss-sha512", RSA_PSS),
            key("test-key-ecc-p256", "ecdsa-p256-sha256", ECC_P256),
            key("test-key-ed25519", "ed25519", ED25519),
            key("test-shared-secret", "hmac-sha256", SECRET),
        ]
    })
}

/// The request of RFC 9421 B.2 with a signature.
fn message(label: &str, input: &str, signature: &str) -> String {
    format!(
        "> POST /foo?param=Value&Pet=dog\n host: example.com\n date: Tue, 20 Apr 2021 02:07:55 GMT\n \
         content-type: application/json\n content-digest: {DIGEST}\n signature-input: {label}={input}\n \
         signature: {label}=:{signature}:\n | {{\"hello\": \"world\"}}"
    )
}

const EXAMPLES: [(&str, &str, &str, &str); 5] = [
    (
        "sig-b21",
        "test-key-rsa-pss",
        r#"();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#,
        "d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==",
    ),
    (
        "sig-b22",
        "test-key-rsa-pss",
        r#"("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example""#,
        "LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==",
    ),
    (
        "sig-b23",
        "test-key-rsa-pss",
        r#"("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss""#,
        "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==",
    ),
    (
        "sig-b25",
        "test-shared-secret",
        r#"("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
        "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
    ),
    (
        "sig-b26",
        "test-key-ed25519",
        r#"("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#,
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
    ),
];

#[test]
fn the_signed_requests_of_rfc_9421_verify_once_each() {
    for (label, subject, input, signature) in EXAMPLES {
        let mut play = with_methods(&[signatures(&[], false)]);
        let text = message(label, input, signature);
        assert_eq!(ask(&mut play, &text, SIGNED + 10, &json!(0)).told, format!("pass - subject:{subject}"), "{label}");
        assert_eq!(ask(&mut play, &text, SIGNED + 20, &json!(0)).told, "401 identity.proof_replayed", "{label}");
        let fresh =
            |text: &str, seconds| ask(&mut with_methods(&[signatures(&[], false)]), text, seconds, &json!(0)).told;
        assert_eq!(fresh(&text, SIGNED + 331), "401 identity.signature_stale", "{label}");
        assert_eq!(fresh(&text, SIGNED - 31), "401 identity.signature_stale", "{label}");
        let changed = text.replace("created=1618884473", "created=1618884474");
        assert_eq!(fresh(&changed, SIGNED), "401 identity.signature_wrong", "{label}");
    }
}

/// RFC 9421 B.3: a proxy that ended TLS signs what it tells of the client.
#[test]
fn the_signature_of_a_proxy_in_rfc_9421_verifies() {
    let certificate = "MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=";
    let input =
        r#"("@path" "@query" "@method" "@authority" "client-cert");created=1618884473;keyid="test-key-ecc-p256""#;
    let signature = "xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==";
    let text = message("ttrp", input, signature)
        .replace("host: example.com", "host: service.internal.example")
        .replace(" signature-input:", &format!(" client-cert: :{certificate}:\n signature-input:"));
    let told = ask(&mut with_methods(&[signatures(&[], false)]), &text, SIGNED, &json!(0)).told;
    assert_eq!(told, "pass - subject:test-key-ecc-p256");
}

#[test]
fn what_has_to_be_covered_is() {
    let told = |cover: &[&str], digest: bool, example: usize| {
        let (label, _, input, signature) = EXAMPLES[example];
        ask(&mut with_methods(&[signatures(cover, digest)]), &message(label, input, signature), SIGNED, &json!(0)).told
    };
    assert_eq!(told(&["@method", "@path", "@query"], true, 2), "pass - subject:test-key-rsa-pss");
    assert_eq!(told(&["@method"], false, 3), "401 identity.signature_malformed");
    assert_eq!(told(&[], true, 4), "401 identity.signature_malformed", "the digest of the body is not covered");
    assert_eq!(told(&["@query"], false, 1), "401 identity.signature_malformed", "one parameter is not the query");
}

#[test]
fn another_body_than_the_signed_one_is_refused_before_it_is_forwarded() {
    let (label, _, input, signature) = EXAMPLES[2];
    // As long as the signed one: only the digest tells.
    let text = message(label, input, signature).replace("world", "earth");
    let outcome = ask(&mut with_methods(&[signatures(&[], true)]), &text, SIGNED, &json!(0));
    assert_eq!(outcome.told, "401 identity.content_digest");
    let changed = message(label, input, signature).replace("Pet=dog", "Pet=cat");
    assert_eq!(
        ask(&mut with_methods(&[signatures(&[], true)]), &changed, SIGNED, &json!(0)).told,
        "401 identity.signature_wrong"
    );
}

fn hmac_signed(lines: &str, input: &str, more: &str) -> String {
    let key = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ")
        .unwrap();
    let base = format!("{lines}\"@signature-params\": {input}");
    let tag = STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), base.as_bytes()));
    format!("> GET /a?b=%63&d=e+f\n host: example.com\n{more} signature-input: s={input}\n signature: s=:{tag}:")
}

fn hmac_told(lines: &str, input: &str, more: &str) -> String {
    ask(&mut with_methods(&[signatures(&[], true)]), &hmac_signed(lines, input, more), SIGNED, &json!(0)).told
}

#[test]
fn components_are_read_as_rfc_9421_says() {
    let end = format!(";created={SIGNED};keyid=\"test-shared-secret\"");
    let good = [
        ("\"@target-uri\": https://example.com/a?b=%63&d=e+f\n", "(\"@target-uri\")", ""),
        ("\"@request-target\": /a?b=%63&d=e+f\n", "(\"@request-target\")", ""),
        ("\"@scheme\": https\n\"@authority\": example.com\n", "(\"@scheme\" \"@authority\")", ""),
        ("\"@query-param\";name=\"b\": c\n", "(\"@query-param\";name=\"b\")", ""),
        ("\"@query-param\";name=\"d\": e%20f\n", "(\"@query-param\";name=\"d\")", ""),
        ("\"x-a\": 1, 2\n", "(\"x-a\")", " x-a: 1\n x-a: 2\n"),
        ("\"x-a\";bs: :MQ==:, :Mg==:\n", "(\"x-a\";bs)", " x-a: 1\n x-a: 2\n"),
        ("\"x-d\";key=\"b\": 2;x=1\n", "(\"x-d\";key=\"b\")", " x-d: a=1, b=2;x=1\n"),
        ("", "()", ""),
    ];
    for (lines, covered, more) in good {
        let told = hmac_told(lines, &format!("{covered}{end}"), more);
        assert_eq!(told, "pass - subject:test-shared-secret", "{covered}");
    }
    let bad = [
        ("\"x-a\": \n", "(\"x-a\")"),
        ("\"@method\": GET\n\"@method\": GET\n", "(\"@method\" \"@method\")"),
        ("\"@status\": 200\n", "(\"@status\")"),
        ("\"@method\";req: GET\n", "(\"@method\";req)"),
        ("\"X-A\": 1\n", "(\"X-A\")"),
        ("\"@query-param\";name=\"z\": \n", "(\"@query-param\";name=\"z\")"),
    ];
    for (lines, covered) in bad {
        let told = hmac_told(lines, &format!("{covered}{end}"), "");
        assert_eq!(told, "401 identity.signature_malformed", "{covered}");
    }
}

#[test]
fn signatures_that_claim_too_much_or_too_little_are_refused() {
    let keyid = "keyid=\"test-shared-secret\"";
    for (input, expected) in [
        (format!("();{keyid}"), "401 identity.signature_stale"),
        (format!("();created={SIGNED};expires={};{keyid}", SIGNED - 31), "401 identity.signature_stale"),
        (format!("();created={SIGNED};expires={};{keyid}", SIGNED - 29), "pass - subject:test-shared-secret"),
        (format!("();created={SIGNED};{keyid};alg=\"hmac-sha256\""), "pass - subject:test-shared-secret"),
        (format!("();created={SIGNED};{keyid};alg=\"ed25519\""), "401 identity.signature_wrong"),
        (format!("();created={SIGNED};keyid=\"nobody\""), "401 identity.signature_wrong"),
        (format!("();created={SIGNED}"), "401 identity.signature_wrong"),
        (format!("();created=\"{SIGNED}\";{keyid}"), "401 identity.signature_stale"),
        (format!("({SIGNED}"), "401 identity.signature_malformed"),
        ("7".to_owned(), "401 identity.signature_malformed"),
    ] {
        assert_eq!(hmac_told("", &input, ""), expected, "{input}");
    }
    let lone = "> GET /a\n signature-input: s=();created=1";
    assert_eq!(
        ask(&mut with_methods(&[signatures(&[], true)]), lone, SIGNED, &json!(0)).told,
        "401 identity.signature_malformed"
    );
    assert_eq!(
        ask(&mut with_methods(&[signatures(&[], true)]), "> GET /a", SIGNED, &json!(0)).told,
        "401 identity.missing"
    );
}

#[test]
fn a_nonce_is_good_once_whatever_is_signed_with_it() {
    let mut play = with_methods(&[signatures(&[], true)]);
    let input = |rest: &str| format!("{rest};created={SIGNED};keyid=\"test-shared-secret\";nonce=\"n-1\"");
    let first = hmac_signed("", &input("()"), "");
    let second = hmac_signed("\"@method\": GET\n", &input("(\"@method\")"), "");
    assert_eq!(ask(&mut play, &first, SIGNED, &json!(0)).told, "pass - subject:test-shared-secret");
    assert_eq!(ask(&mut play, &second, SIGNED, &json!(0)).told, "401 identity.proof_replayed");
}
