use super::*;
use proptest::prelude::*;

const CLIENT: Sender = Sender::Client;
const UPSTREAM: Sender = Sender::Upstream;

/// What became of a text: the body, how many trailer fields, what was left over.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Whole(Vec<u8>, usize, Vec<u8>),
    More,
    Refused(&'static str),
}

fn whole(body: &[u8], trailers: usize, rest: &[u8]) -> Outcome {
    Outcome::Whole(body.to_vec(), trailers, rest.to_vec())
}

fn kind(fault: &Fault) -> &'static str {
    match fault {
        Fault::Size(_) => "size",
        Fault::DataEnd => "end",
        Fault::ExtensionsTooLong(_) => "extensions",
        Fault::Trailer(_) => "trailer",
        Fault::TrailerTooLong(_) => "trailers",
    }
}

/// Gives the decoder `step` bytes at a time.
fn decode(sender: Sender, text: &[u8], step: usize) -> Outcome {
    let mut decoder = Decoder::new(sender, 4096, 8192);
    let mut buffer = BytesMut::new();
    let mut body = Vec::new();
    let mut rest = text;
    loop {
        match decoder.next(&mut buffer) {
            Err(fault) => return Outcome::Refused(kind(&fault)),
            Ok(Piece::Data(data)) => body.extend_from_slice(&data),
            Ok(Piece::More) if rest.is_empty() => return Outcome::More,
            Ok(Piece::More) => {
                let (head, tail) = rest.split_at(step.min(rest.len()));
                buffer.extend_from_slice(head);
                rest = tail;
            }
            Ok(Piece::End) => {
                let trailers = decoder.trailers().map_or(0, |trailers| trailers.len());
                return Outcome::Whole(body, trailers, [&buffer[..], rest].concat());
            }
        }
    }
}

#[test]
fn proper_chunks_are_joined() {
    let text = b"5\r\nhello\r\n6;a=b;c=\"d;\\\"e\";f\r\n world\r\n0\r\nX-Sum: 1\r\n\r\nnext";
    for sender in [CLIENT, UPSTREAM] {
        assert_eq!(decode(sender, text, 1000), whole(b"hello world", 1, b"next"));
        assert_eq!(decode(sender, b"A\r\nhelloworld\r\n0\r\n\r\n", 3), whole(b"helloworld", 0, b""));
        assert_eq!(decode(sender, b"0\r\n\r\n", 1), whole(b"", 0, b""));
        assert_eq!(decode(sender, b"5\r\nhel", 1), Outcome::More);
    }
}

#[test]
fn anything_but_strict_chunks_is_refused() {
    for (text, fault) in [
        (&b"0x5\r\nhello\r\n0\r\n\r\n"[..], "size"),
        (b"+5\r\nhello\r\n0\r\n\r\n", "size"),
        (b"-1\r\n", "size"),
        (b"5 \r\nhello\r\n0\r\n\r\n", "size"),
        (b" 5\r\nhello\r\n", "size"),
        (b"5\nhello\r\n0\r\n\r\n", "size"),
        (b"5\rhello\r\n0\r\n\r\n", "size"),
        (b"\r\nhello\r\n", "size"),
        (b"1_0\r\n", "size"),
        (b"0000000000000000000000000000000000000000\r\n\r\n", "size"),
        (b"1ffffffffffffffff\r\n", "size"),
        (b"5\r\nhello!!\r\n0\r\n\r\n", "end"),
        (b"5\r\nhello0\r\n\r\n", "end"),
        (b"5\r\nhello\n0\r\n\r\n", "end"),
        (b"5;\nhello\r\n", "size"),
        (b"5;\0a\r\nhello\r\n", "size"),
        (b"5;a\rX\r\nhello\r\n", "size"),
        (b"5;a=\"b\rc\"\r\nhello\r\n", "size"),
        (b"5 ;a\r\nhello\r\n", "size"),
        (b"5\r\r\nhello\r\n", "size"),
        (b"0\r\n\n", "trailer"),
        (b"0\r\nX : 1\r\n\r\n", "trailer"),
        (b"0\r\n X: 1\r\n\r\n", "trailer"),
        (b"0\r\nX: \x01\r\n\r\n", "trailer"),
    ] {
        for (sender, step) in [(CLIENT, 1), (CLIENT, 2), (CLIENT, 1000), (UPSTREAM, 1), (UPSTREAM, 1000)] {
            let shown = text.escape_ascii();
            assert_eq!(decode(sender, text, step), Outcome::Refused(fault), "{shown} of {sender:?} by {step}");
        }
    }
}

#[test]
fn only_an_upstream_may_pad_sizes_and_write_extensions_freely() {
    for text in [
        &b"05\r\nhello\r\n0\r\n\r\n"[..],
        b"0000000000000005\r\nhello\r\n00\r\n\r\n",
        b"5;\r\nhello\r\n0\r\n\r\n",
        b"5;a=\r\nhello\r\n0\r\n\r\n",
        b"5; a = b\r\nhello\r\n0\r\n\r\n",
        b"5;a=\"b\r\nhello\r\n0\r\n\r\n",
    ] {
        assert_eq!(decode(CLIENT, text, 1000), Outcome::Refused("size"), "{}", text.escape_ascii());
        assert_eq!(decode(UPSTREAM, text, 1000), whole(b"hello", 0, b""), "{}", text.escape_ascii());
    }
}

#[test]
fn trailers_of_clients_hold_nothing_that_matters() {
    for line in [
        "Content-Length: 5",
        "Host: a",
        "Authorization: b",
        "Transfer-Encoding: chunked",
        "X-Forwarded-For: 1",
        "a_b: c",
    ] {
        let text = format!("0\r\n{line}\r\n\r\n");
        assert_eq!(decode(CLIENT, text.as_bytes(), 1000), Outcome::Refused("trailer"), "{line}");
        assert_eq!(decode(UPSTREAM, text.as_bytes(), 1000), whole(b"", 1, b""), "{line}");
    }
}

#[test]
fn extensions_and_trailers_are_bounded() {
    let extension = format!("5;a={}\r\nhello\r\n0\r\n\r\n", "b".repeat(5_000));
    let spread = format!("1;a={}\r\nx\r\n", "b".repeat(1_500)).repeat(3);
    let trailer = format!("0\r\nA: {}\r\n\r\n", "b".repeat(9_000));
    let many = format!("0\r\n{}\r\n", "A: b\r\n".repeat(80));
    for (sender, step) in [(CLIENT, 1), (CLIENT, 100_000), (UPSTREAM, 1), (UPSTREAM, 100_000)] {
        assert_eq!(decode(sender, extension.as_bytes(), step), Outcome::Refused("extensions"));
        assert_eq!(decode(sender, spread.as_bytes(), step), Outcome::Refused("extensions"));
        assert_eq!(decode(sender, trailer.as_bytes(), step), Outcome::Refused("trailers"));
        assert_eq!(decode(sender, many.as_bytes(), step), Outcome::Refused("trailers"));
    }
}

fn senders() -> impl Strategy<Value = Sender> {
    prop_oneof![Just(CLIENT), Just(UPSTREAM)]
}

proptest! {
    #[test]
    fn any_split_gives_the_same_answer(
        sender in senders(),
        text in "([0-9a-f]{1,2}(;[a-z]{0,2}(=[a-z\"]{0,3})?)?\r?\n?[a-z]{0,6}\r\n){0,3}0\r\n([A-Z]{1,2}: [a-z]{0,3}\r\n){0,2}\r\n",
        step in 1_usize..9,
    ) {
        prop_assert_eq!(decode(sender, text.as_bytes(), step), decode(sender, text.as_bytes(), usize::MAX));
    }

    #[test]
    fn what_a_client_may_send_an_upstream_may_send_too(
        text in "([0-9a-f]{1,2}(;[a-z]{1,2}(=[a-z]{1,3})?)?\r\n[a-z]{0,6}\r\n){0,3}0\r\n\r\n",
    ) {
        if let strict @ Outcome::Whole(..) = decode(CLIENT, text.as_bytes(), 1000) {
            prop_assert_eq!(decode(UPSTREAM, text.as_bytes(), 1000), strict);
        }
    }

    #[test]
    fn proper_bodies_come_out_as_they_went_in(
        sender in senders(),
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..5),
        step in 1_usize..50,
    ) {
        let mut text = Vec::new();
        for chunk in &chunks {
            text.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            text.extend_from_slice(chunk);
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"0\r\n\r\nrest");
        prop_assert_eq!(decode(sender, &text, step), whole(&chunks.concat(), 0, b"rest"));
    }

    #[test]
    fn no_bytes_make_it_panic(
        sender in senders(),
        text in proptest::collection::vec(any::<u8>(), 0..100),
        step in 1_usize..9,
    ) {
        let _ = decode(sender, &text, step);
    }
}
