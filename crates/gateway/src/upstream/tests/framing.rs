//! What answers are taken for, and which are refused.

use super::support::*;
use crate::message::BodyLength;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn a_small_exchange_goes_through_unchanged() {
    run(async {
        let origin = Origin::answering(b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello");
        let bench = Bench::new(&[origin.address], |_| {});
        let mut reply = bench.send("POST", "/orders", b"{\"a\":1}").await.unwrap();
        assert_eq!((reply.head.status, reply.length), (201, BodyLength::Known(5)));
        assert_eq!(reply.head.headers.get("x-a"), Some(&b"1"[..]));
        assert_eq!(*reply.target, *origin.address.to_string());
        assert_eq!(read(&mut reply).await.unwrap(), b"hello");
        assert!(reply.next().await.unwrap().is_none());
        let seen = origin.seen();
        assert!(seen.starts_with("POST /orders HTTP/1.1\r\nhost: shop.example\r\n"), "{seen}");
        assert!(seen.ends_with("content-length: 7\r\n\r\n{\"a\":1}"), "{seen}");
    });
}

#[test]
fn the_targets_own_host_is_sent_when_the_clients_is_not_preserved() {
    run(async {
        let origin = Origin::answering(OK);
        let bench = Bench::new(&[origin.address], |plan| plan.preserve_host = false);
        bench.get().await.unwrap();
        assert!(origin.seen().contains(&format!("\r\nhost: {}\r\n", origin.address)));
    });
}

#[test]
fn large_bodies_pass_in_both_directions() {
    run(async {
        let origin = Origin::new(|mut peer| {
            let request = peer.request().unwrap();
            let body = request.split_once("\r\n\r\n").unwrap().1.to_owned();
            peer.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
        });
        let bench = Bench::new(&[origin.address], |_| {});
        let body = "0123456789abcdef".repeat(64 * 1024);
        let mut reply = bench.send("PUT", "/", body.as_bytes()).await.unwrap();
        assert!(read(&mut reply).await.unwrap() == body.as_bytes());
    });
}

#[test]
fn an_echo_that_answers_while_it_still_reads_does_not_deadlock() {
    run(async {
        let origin = Origin::new(|mut peer| {
            use std::io::{Read, Write};
            let mut writer = peer.stream.try_clone().unwrap();
            let mut left = 4 * 1024 * 1024;
            peer.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {left}\r\n\r\n").as_bytes());
            let mut byte = [0; 1];
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                peer.stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let mut buffer = [0; 16 * 1024];
            while left > 0 {
                let read = peer.stream.read(&mut buffer).unwrap();
                writer.write_all(&buffer[..read]).unwrap();
                left -= read;
            }
            assert!(peer.closed());
        });
        let bench = Bench::new(&[origin.address], |_| {});
        let body = vec![b'x'; 4 * 1024 * 1024];
        let mut reply = bench.send("PUT", "/", &body).await.unwrap();
        assert_eq!(read(&mut reply).await.unwrap().len(), body.len());
    });
}

#[test]
fn chunked_answers_are_decoded_and_harmless_trailers_kept() {
    run(async {
        let origin = Origin::answering(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\n\
              X-Sum: 7\r\nSet-Cookie: a=b\r\nContent-Length: 9\r\n\r\n",
        );
        let bench = Bench::new(&[origin.address], |_| {});
        for _ in 0..2 {
            let mut reply = bench.send("GET", "/", b"").await.unwrap();
            assert_eq!(reply.length, BodyLength::Unknown);
            assert_eq!(read(&mut reply).await.unwrap(), b"hello world");
            let trailers = reply.trailers().unwrap();
            assert_eq!(trailers.iter().collect::<Vec<_>>(), [("x-sum", &b"7"[..])]);
        }
        assert_eq!(origin.connections(), 1);
    });
}

#[test]
fn a_body_without_a_length_ends_with_the_connection() {
    run(async {
        let origin = Origin::closing(b"HTTP/1.1 200 OK\r\n\r\nall of it");
        let bench = Bench::new(&[origin.address], |_| {});
        assert_eq!(bench.get().await.unwrap().1, b"all of it");
        assert_eq!(bench.get().await.unwrap().1, b"all of it");
        assert_eq!(origin.connections(), 2);
    });
}

#[test]
fn answers_that_have_no_body_have_none_whatever_they_say() {
    run(async {
        let origin = Origin::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        let bench = Bench::new(&[origin.address], |_| {});
        for _ in 0..2 {
            let mut reply = bench.send("HEAD", "/", b"").await.unwrap();
            assert_eq!((reply.length, reply.head.content_length), (BodyLength::None, Some(1000)));
            assert!(reply.next().await.unwrap().is_none());
        }
        assert_eq!(origin.connections(), 1);
        for answer in [
            &b"HTTP/1.1 204 No Content\r\n\r\n"[..],
            b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
        ] {
            let origin = Origin::answering(answer);
            let bench = Bench::new(&[origin.address], |_| {});
            for _ in 0..2 {
                let mut reply = bench.send("GET", "/", b"").await.unwrap();
                assert_eq!(reply.length, BodyLength::None);
                assert!(reply.next().await.unwrap().is_none());
            }
            assert_eq!(origin.connections(), 1);
        }
    });
}

#[test]
fn answers_with_more_than_one_meaning_are_refused_and_their_connection_is_closed() {
    let cases: [(&'static [u8], &str); 14] = [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "upstream.bad_framing",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", "upstream.bad_framing"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", "upstream.bad_framing"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab", "upstream.bad_framing"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "upstream.bad_framing"),
        (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "upstream.bad_framing"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "upstream.bad_framing"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", "upstream.bad_framing"),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nab", "upstream.bad_framing"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "upstream.bad_switch"),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab", "upstream.bad_head"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: a\r\n b\r\n\r\nab", "upstream.bad_head"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "upstream.bad_head"),
        (b"HTTP/1.1 999 Huge\r\nContent-Length: 2\r\n\r\nab", "upstream.bad_head"),
    ];
    run(async {
        for (answer, code) in cases {
            let origin = Origin::new(move |mut peer| {
                peer.request();
                peer.write(answer);
                let closed = peer.closed();
                peer.note(format!("closed: {closed}"));
            });
            let bench = Bench::new(&[origin.address], |_| {});
            assert_eq!(bench.failure().await, code, "{}", String::from_utf8_lossy(answer));
            origin.seen();
            assert_eq!(origin.seen(), "closed: true", "{}", String::from_utf8_lossy(answer));
        }
    });
}

#[test]
fn interim_heads_are_skipped_but_a_storm_of_them_is_not_suffered() {
    run(async {
        let origin = Origin::answering(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        );
        let bench = Bench::new(&[origin.address], |_| {});
        assert_eq!(bench.get().await.unwrap(), (200, b"ok".to_vec()));
        assert_eq!(bench.get().await.unwrap(), (200, b"ok".to_vec()));
        assert_eq!(origin.connections(), 1);

        let storm = Origin::new(|mut peer| {
            peer.request();
            while std::io::Write::write_all(&mut peer.stream, b"HTTP/1.1 100 Continue\r\n\r\n").is_ok() {}
        });
        let bench = Bench::new(&[storm.address], |_| {});
        assert_eq!(bench.failure().await, "upstream.bad_head");
    });
}

#[test]
fn endless_heads_are_cut() {
    run(async {
        let origin = Origin::new(|mut peer| {
            peer.request();
            peer.write(b"HTTP/1.1 200 OK\r\n");
            while std::io::Write::write_all(&mut peer.stream, b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").is_ok() {}
        });
        let bench = Bench::new(&[origin.address], |_| {});
        assert_eq!(bench.failure().await, "upstream.bad_head");
    });
}

#[test]
fn a_body_shorter_than_promised_is_a_failure() {
    run(async {
        for answer in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        ] {
            let origin = Origin::closing(answer);
            let bench = Bench::new(&[origin.address], |_| {});
            assert_eq!(bench.failure().await, "upstream.truncated");
        }
    });
}

#[test]
fn a_head_that_breaks_off_is_a_failure() {
    run(async {
        let origin = Origin::closing(b"HTTP/1.1 200 OK\r\nContent-");
        let bench = Bench::new(&[origin.address], |plan| plan.retries = 3);
        assert_eq!(bench.failure().await, "upstream.bad_head");
        assert_eq!(origin.connections(), 1, "an answer had begun, so it is not asked again");
    });
}

#[test]
fn bytes_beyond_the_body_are_dropped_with_their_connection() {
    run(async {
        let origin = Origin::answering(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        );
        let bench = Bench::new(&[origin.address], |_| {});
        assert_eq!(bench.get().await.unwrap().1, b"ok");
        assert_eq!(bench.get().await.unwrap().1, b"ok");
        assert_eq!(origin.connections(), 2);
    });
}
