//! Which connections serve again, and when a request is sent again.

use std::io::Write;
use std::time::{Duration, Instant};

use super::support::*;
use stockade_model::plan::OutlierPlan;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// An address where nothing listens: a port that the system never gives away.
fn nobody() -> std::net::SocketAddr {
    "127.0.0.1:1".parse().unwrap()
}

#[test]
fn a_connection_serves_again_and_the_last_one_used_first() {
    run(async {
        let origin = Origin::answering(OK);
        let bench = Bench::new(&[origin.address], |_| {});
        for _ in 0..10 {
            bench.get().await.unwrap();
        }
        assert_eq!(origin.connections(), 1);
    });
}

#[test]
fn a_connection_that_says_close_does_not_serve_again() {
    run(async {
        let origin = Origin::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        let bench = Bench::new(&[origin.address], |_| {});
        bench.get().await.unwrap();
        bench.get().await.unwrap();
        assert_eq!(origin.connections(), 2);
    });
}

#[test]
fn no_more_connections_are_kept_than_allowed() {
    run(async {
        let origin = Origin::answering(OK);
        let bench = Bench::new(&[origin.address], |plan| plan.keep_idle = 1);
        let (one, other) = tokio::join!(bench.get(), bench.get());
        assert!(one.is_ok() && other.is_ok());
        assert_eq!(origin.connections(), 2);
        tokio::join!(bench.get(), bench.get()).0.unwrap();
        assert_eq!(origin.connections(), 3);
    });
}

#[test]
fn a_connection_that_was_closed_while_idle_is_not_used() {
    run(async {
        let origin = Origin::closing(OK);
        let bench = Bench::new(&[origin.address], |_| {});
        for _ in 0..5 {
            let mut reply = bench.send("POST", "/", b"x").await.unwrap();
            read(&mut reply).await.unwrap();
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        assert_eq!(origin.connections(), 5);
    });
}

#[test]
fn a_connection_with_bytes_nobody_asked_for_is_not_used() {
    run(async {
        let origin = Origin::new(|mut peer| {
            while peer.request().is_some() {
                peer.write(OK);
                std::thread::sleep(Duration::from_millis(10));
                peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
            }
        });
        let bench = Bench::new(&[origin.address], |_| {});
        for _ in 0..3 {
            assert_eq!(bench.get().await.unwrap().1, b"ok");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(origin.connections(), 3);
    });
}

#[test]
fn a_kept_connection_that_dies_under_a_safe_request_is_replaced_without_a_retry() {
    run(async {
        // The second request on the first connection is read and answered by closing.
        let origin = Origin::new(|mut peer| {
            peer.request();
            peer.write(OK);
            if peer.number > 0 {
                peer.request();
                peer.write(OK);
            } else {
                peer.request();
            }
        });
        let bench = Bench::new(&[origin.address], |plan| plan.retries = 0);
        bench.get().await.unwrap();
        assert_eq!(bench.get().await.unwrap().0, 200);
        assert_eq!(origin.connections(), 2);
    });
}

#[test]
fn a_request_that_may_have_been_acted_on_is_not_sent_again() {
    run(async {
        let origin = Origin::new(|mut peer| {
            peer.request();
        });
        let bench = Bench::new(&[origin.address], |plan| plan.retries = 5);
        let failure = bench.send("POST", "/", b"x").await.unwrap_err();
        assert_eq!((failure.reason.code, failure.reason.status), ("upstream.reset", 502));
        assert_eq!(failure.target, Some(origin.address.to_string()));
        assert_eq!(origin.connections(), 1);
        assert_eq!(bench.failure().await, "upstream.reset");
        assert_eq!(origin.connections(), 7, "an idempotent request is sent again as often as allowed");
    });
}

#[test]
fn a_target_that_cannot_be_reached_is_passed_over() {
    run(async {
        let origin = Origin::answering(OK);
        let bench = Bench::new(&[nobody(), origin.address, "127.0.0.2:1".parse().unwrap()], |plan| plan.retries = 5);
        for _ in 0..10 {
            let mut reply = bench.send("POST", "/", b"x").await.unwrap();
            assert_eq!(read(&mut reply).await.unwrap(), b"ok");
        }
        let bench = Bench::new(&[nobody()], |plan| plan.retries = 1);
        assert_eq!(bench.failure().await, "upstream.unreachable");
    });
}

#[test]
fn a_failing_target_is_ejected_and_comes_back() {
    run(async {
        let good = Origin::answering(OK);
        let bad = Origin::answering(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
        let bench = Bench::new(&[good.address, bad.address], |plan| {
            plan.outlier = OutlierPlan { consecutive_failures: 3, eject_ms: 200, max_ejected_percent: 50 };
        });
        for _ in 0..60 {
            bench.get().await.unwrap();
        }
        let status = bench.health.status();
        assert_eq!(status.iter().map(|target| target.usable).collect::<Vec<_>>(), [true, false]);
        assert!(status[1].ejected_ms > 0 && status[1].ejections == 1);
        assert_eq!(bad.count(), 3);
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert!(bench.health.status()[1].usable);
        for _ in 0..60 {
            bench.get().await.unwrap();
        }
        assert_eq!(bad.count(), 3);
    });
}

#[test]
fn the_last_target_is_never_ejected() {
    run(async {
        let bad = Origin::answering(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
        let bench = Bench::new(&[bad.address], |plan| {
            plan.outlier = OutlierPlan { consecutive_failures: 1, eject_ms: 60_000, max_ejected_percent: 100 };
        });
        for _ in 0..5 {
            assert_eq!(bench.get().await.unwrap().0, 503);
        }
        assert!(bench.health.status()[0].usable);
    });
}

#[test]
fn a_reload_keeps_connections_and_health_of_targets_that_stay() {
    run(async {
        let stays = Origin::answering(OK);
        let goes = Origin::answering(OK);
        let outlier = OutlierPlan { consecutive_failures: 1, eject_ms: 60_000, max_ejected_percent: 100 };
        let down = nobody();
        let mut bench = Bench::new(&[stays.address, down], |plan| {
            plan.outlier = outlier.clone();
            plan.retries = 1;
        });
        for _ in 0..20 {
            bench.get().await.unwrap();
        }
        assert!(!bench.health.status()[1].usable);
        let before = stays.connections();
        bench.reload(plan(&[stays.address, down, goes.address], |plan| {
            plan.outlier = outlier.clone();
            plan.idle_ms = 2_000;
        }));
        let status = bench.health.status();
        assert_eq!(status.iter().map(|target| target.usable).collect::<Vec<_>>(), [true, false, true]);
        for _ in 0..20 {
            bench.get().await.unwrap();
        }
        assert_eq!(stays.connections(), before);
        assert!(goes.connections() > 0);
        bench.reload(plan(&[stays.address], |_| {}));
        bench.get().await.unwrap();
        assert_eq!(stays.connections(), before);
    });
}

#[test]
fn giving_up_closes_the_upstream_exchange_at_once() {
    run(async {
        let origin = Origin::new(|mut peer| {
            let request = peer.request().unwrap();
            if request.starts_with("GET /body") {
                peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nsome");
            }
            let waited = Instant::now();
            assert!(peer.closed());
            peer.note(format!("closed {}", waited.elapsed() < Duration::from_millis(500)));
        });
        let bench = Bench::new(&[origin.address], |_| {});
        let waiting = tokio::time::timeout(Duration::from_millis(100), bench.send("GET", "/head", b"")).await;
        assert!(waiting.is_err());
        origin.seen();
        assert_eq!(origin.seen(), "closed true");
        let mut reply = bench.send("GET", "/body", b"").await.unwrap();
        assert_eq!(reply.next().await.unwrap().unwrap(), "some");
        drop(reply);
        origin.seen();
        assert_eq!(origin.seen(), "closed true");
        assert_eq!(bench.health.status()[0].running, 0);
    });
}

#[test]
fn silence_is_answered_with_a_timeout() {
    run(async {
        let origin = Origin::new(|mut peer| {
            let request = peer.request().unwrap();
            if request.starts_with("GET /body") {
                peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome");
            }
            if request.starts_with("GET /drip") {
                peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
                while peer.stream.write_all(b"x").is_ok() {
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            if request.starts_with("GET /events") {
                peer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\ndata: 1\n\n");
                std::thread::sleep(Duration::from_millis(600));
                peer.write(b"data: 2\n\n");
                return;
            }
            peer.closed();
        });
        let bench = Bench::new(&[origin.address], |plan| {
            plan.idle_ms = 150;
            plan.total_ms = 400;
            plan.retries = 3;
        });
        let started = Instant::now();
        let failure = bench.send("GET", "/", b"").await.unwrap_err();
        assert_eq!((failure.reason.code, failure.reason.status), ("upstream.timeout", 504));
        assert!(started.elapsed() < Duration::from_millis(350));
        assert_eq!(origin.connections(), 1, "an upstream that is slow is not asked twice");

        let mut reply = bench.send("GET", "/body", b"").await.unwrap();
        assert_eq!(read(&mut reply).await.unwrap_err().reason.code, "upstream.timeout");

        let started = Instant::now();
        let mut reply = bench.send("GET", "/drip", b"").await.unwrap();
        assert_eq!(read(&mut reply).await.unwrap_err().reason.code, "upstream.timeout");
        assert!(started.elapsed() >= Duration::from_millis(390), "pieces keep the silence away, not the total");

        let mut reply = bench.send("GET", "/events", b"").await.unwrap();
        assert_eq!(read(&mut reply).await.unwrap(), b"data: 1\n\ndata: 2\n\n");
    });
}

#[test]
fn an_address_that_does_not_answer_is_given_up_in_time() {
    run(async {
        // A listener whose queue is full drops further handshakes.
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let fillers: Vec<_> = (0..4).map(|_| tokio::spawn(tokio::net::TcpStream::connect(address))).collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let bench = Bench::new(&[address], |plan| plan.connect_ms = 300);
        let failure = bench.send("GET", "/", b"").await.unwrap_err();
        assert_eq!((failure.reason.code, failure.reason.status), ("upstream.connect_timeout", 504));
        fillers.iter().for_each(tokio::task::JoinHandle::abort);
    });
}
