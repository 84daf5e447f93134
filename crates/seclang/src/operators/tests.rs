use super::*;

fn holds(operator: &Operator, value: &str, argument: &str) -> bool {
    operator.matches(value.as_bytes(), None, argument.as_bytes(), None)
}

#[test]
fn texts_are_compared_as_their_names_say() {
    for (test, value, argument, expected) in [
        (TextTest::BeginsWith, "abc", "ab", true),
        (TextTest::EndsWith, "abc", "bc", true),
        (TextTest::Contains, "abc", "x", false),
        (TextTest::ContainsWord, "a select b", "select", true),
        (TextTest::ContainsWord, "preselect", "select", false),
        (TextTest::Equals, "abc", "abc", true),
        (TextTest::Within, "GET", "GET POST", true),
        (TextTest::Within, "", "GET", true),
    ] {
        assert_eq!(holds(&Operator::Text(test), value, argument), expected, "{test:?} {value}");
    }
}

#[test]
fn numbers_are_read_as_c_reads_them() {
    assert_eq!(integer(b" -12x"), -12);
    assert_eq!(integer(b"x"), 0);
    assert!(holds(&Operator::Number(Comparison::AtLeast), "5", "5"));
    assert!(!holds(&Operator::Number(Comparison::LessThan), "5", "5"));
}

#[test]
fn encodings_are_checked() {
    assert!(holds(&Operator::UrlEncoding, "a%4", ""));
    assert!(!holds(&Operator::UrlEncoding, "a%41", ""));
    assert!(Operator::Utf8.matches(b"\xc0\xaf", None, b"", None));
    assert!(Operator::Bytes(ByteSet::range(1, 127)).matches(b"a\0", None, b"", None));
}

#[test]
fn cards_are_found_by_their_digits() {
    let (pattern, _) = Pattern::new(r"\b\d{16}\b").unwrap();
    let operator = Operator::Verify(Checksum::Card, pattern);
    assert!(holds(&operator, "card 4111111111111111.", ""));
    assert!(!holds(&operator, "card 4111111111111112.", ""));
}

#[test]
fn injections_are_found_by_grammar() {
    let mut captured = Captured::new();
    assert!(Operator::Sql.matches(b"1' or '1'='1", None, b"", Some(&mut captured)));
    assert!(!captured.is_empty());
    assert!(!holds(&Operator::Sql, "select", ""));
    assert!(holds(&Operator::Script, "<script>alert(1)</script>", ""));
}

#[test]
fn injections_are_found_where_a_long_value_begins_or_ends() {
    let long = "blue chair ".repeat(20_000);
    for value in [format!("1' or '1'='1' -- {long}"), format!("{long}' union select a from b -- ")] {
        assert!(holds(&Operator::Sql, &value, ""), "{}", value.len());
    }
    assert!(!holds(&Operator::Sql, &long, ""));
}
