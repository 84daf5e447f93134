//! Active health checks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use stockade_model::plan::HealthPlan;

use super::support::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn health() -> HealthPlan {
    HealthPlan { path: "/healthz".into(), interval_ms: 20, timeout_ms: 200, healthy_after: 1, unhealthy_after: 2 }
}

/// A target whose checks fail while the switch is off.
fn switched() -> (Origin, Arc<AtomicBool>) {
    let up = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&up);
    let origin = Origin::new(move |mut peer| {
        while let Some(request) = peer.request() {
            let check = request.starts_with("GET /healthz HTTP/1.1\r\n");
            if check && !state.load(Ordering::SeqCst) {
                peer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
            } else {
                peer.write(OK);
            }
        }
    });
    (origin, up)
}

#[test]
fn a_target_that_fails_its_checks_is_left_out_until_it_passes_them() {
    run(async {
        let (one, one_up) = switched();
        let (other, other_up) = switched();
        let bench = Bench::new(&[one.address, other.address], |plan| plan.health = Some(health()));
        let engine = Arc::new(ArcSwap::new(Arc::clone(&bench.engine)));
        let (checker, current) = (bench.health.clone(), Arc::clone(&engine));
        let checks = tokio::task::spawn_local(async move { checker.run_checks(&current).await });
        let settle = || tokio::time::sleep(Duration::from_millis(250));
        let usable = || bench.health.status().iter().map(|target| target.usable).collect::<Vec<_>>();
        settle().await;
        assert_eq!(usable(), [true, true]);

        one_up.store(false, Ordering::SeqCst);
        settle().await;
        assert_eq!(usable(), [false, true]);
        let _ = (one.count(), other.count());
        for _ in 0..20 {
            bench.get().await.unwrap();
        }

        other_up.store(false, Ordering::SeqCst);
        settle().await;
        assert_eq!(usable(), [false, false]);
        let failure = bench.send("GET", "/", b"").await.unwrap_err();
        assert_eq!((failure.reason.code, failure.reason.status, failure.target), ("upstream.no_target", 503, None));

        one_up.store(true, Ordering::SeqCst);
        settle().await;
        assert_eq!(usable(), [true, false]);
        bench.get().await.unwrap();

        // A plan without checks has nothing against a target.
        let without = Arc::new(stockade_engine::Engine::new(plan(&[one.address, other.address], |_| {})).unwrap());
        engine.store(Arc::clone(&without));
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        assert_eq!(usable(), [true, true]);
        checks.abort();
    });
}

#[test]
fn a_target_that_does_not_answer_its_checks_is_left_out() {
    run(async {
        let silent = Origin::new(|mut peer| {
            peer.request();
            peer.closed();
        });
        let bench = Bench::new(&[silent.address], |plan| {
            plan.health = Some(HealthPlan { timeout_ms: 30, interval_ms: 40, ..health() });
        });
        let engine = ArcSwap::new(Arc::clone(&bench.engine));
        let checks = bench.health.run_checks(&engine);
        let _ = tokio::time::timeout(Duration::from_millis(400), checks).await;
        assert!(!bench.health.status()[0].healthy);
    });
}
