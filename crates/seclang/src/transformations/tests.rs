use proptest::prelude::*;

use super::*;

fn changed(name: &str, value: &[u8]) -> Vec<u8> {
    let transformation = Transformation::named(name).unwrap();
    transformation.change(value, &ByteSet::present(value), &[]).unwrap_or_else(|| value.to_vec())
}

#[test]
fn each_transformation_reads_what_it_is_for() {
    let cases: &[(&str, &[u8], &[u8])] = &[
        ("urlDecode", b"a%20b+c%zz%4", b"a b c%zz%4"),
        ("urlDecodeUni", b"%u0041%uff1cx%41%u00zz", b"A<xA%u00zz"),
        ("htmlEntityDecode", b"&lt;&#60;&#x3c&quot;&nbsp;&bogus;&amp", b"<<<\"\xa0&bogus;&"),
        ("jsDecode", b"\\u0041\\x41\\101\\n\\q\\", b"AAA\nq\\"),
        ("cssDecode", b"\\65 xp\\72 ession\\(", b"expression("),
        ("escapeSeqDecode", b"\\x41\\101\\n\\q", b"AA\nq"),
        ("cmdLine", b"C^at  ,; \"/etc/pass'wd'\" (x", b"cat/etc/passwd(x"),
        ("compressWhitespace", b"a \t\n b", b"a b"),
        ("removeWhitespace", b" a \xa0b ", b"ab"),
        ("removeNulls", b"a\0b", b"ab"),
        ("replaceNulls", b"a\0b", b"a b"),
        ("replaceComments", b"a/*x*/b/*y", b"a b "),
        ("removeComments", b"a/*x*/b<!-- c -->d--e", b"abd"),
        ("removeCommentsChar", b"a/*x*/b#c--", b"axbc"),
        ("normalizePath", b"/a//b/./c/../d/", b"/a/b/d/"),
        ("normalizePath", b"../../a/../b", b"../../b"),
        ("normalizePath", b"/../../etc", b"/etc"),
        ("normalizePathWin", b"\\a\\..\\b", b"/b"),
        ("utf8toUnicode", "aé<".as_bytes(), b"a%u00e9<"),
        ("base64Decode", b"YWJj", b"abc"),
        ("base64DecodeExt", b"YW.J j", b"abc"),
        ("base64Encode", b"abc", b"YWJj"),
        ("hexDecode", b"414a", b"AJ"),
        ("hexEncode", b"\x0aJ", b"0a4a"),
        ("sqlHexDecode", b"x=0x414a", b"x=AJ"),
        ("length", b"abcd", b"4"),
        ("trim", b"  a ", b"a"),
        ("trimLeft", b"  a ", b"a "),
        ("trimRight", b"  a ", b"  a"),
        ("lowercase", b"AbC", b"abc"),
        ("uppercase", b"AbC", b"ABC"),
        ("parityZero7bit", b"\xc1", b"A"),
        ("urlEncode", b"a b/", b"a+b%2f"),
    ];
    for (name, value, expected) in cases {
        let got = changed(name, value);
        assert_eq!(got, *expected, "{name}: {}", got.escape_ascii());
    }
    assert_eq!(changed("hexEncode", &changed("md5", b"abc")), b"900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(changed("hexEncode", &changed("sha1", b"abc")), b"a9993e364706816aba3e25717850c26c9cd0d89d");
}

proptest! {
    #[test]
    fn a_value_without_trigger_bytes_is_not_changed(value in proptest::collection::vec(any::<u8>(), 0..40)) {
        for name in ["urlDecode", "urlDecodeUni", "htmlEntityDecode", "jsDecode", "cssDecode", "escapeSeqDecode",
            "cmdLine", "compressWhitespace", "removeWhitespace", "removeNulls", "replaceComments", "removeComments",
            "removeCommentsChar", "normalizePath", "normalizePathWin", "utf8toUnicode", "lowercase", "uppercase",
            "trim", "sqlHexDecode", "parityZero7bit", "replaceNulls"]
        {
            let transformation = Transformation::named(name).unwrap();
            if !transformation.trigger().meets(&ByteSet::present(&value)) {
                let whole = transformation.apply(&value, &[]);
                prop_assert!(whole.is_none_or(|whole| whole == value), "{name}");
            }
        }
    }
}
