//! Faults of our own: whatever panics, the client is answered or cut off, and the event is written.

use std::sync::Arc;

use arc_swap::ArcSwap;
use stockade_engine::{Engine, State};
use stockade_model::{CanonicalPath, Headers, HttpVersion, RequestId, Scheme, Timestamp};
use tokio::sync::watch;

use super::*;
use crate::clock::Clock;
use crate::look_ups::LookUps;
use crate::message::ClientGone;
use crate::shared::{Counters, Shared, Worker};
use crate::spool::{Spool, reader};
use crate::testing;
use crate::tls::Certificates;
use crate::upstream::{Health, Upstreams};

/// A body, and a place for the answer, that panic where they are told to.
#[derive(Default)]
struct Body {
    panics: bool,
}

#[derive(Default)]
struct Sink {
    panics: bool,
    status: Option<u16>,
    aborted: bool,
}

impl RequestBody for Body {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyFailure> {
        assert!(!self.panics, "injected");
        Ok(None)
    }

    fn trailers(&mut self) -> Option<Headers> {
        None
    }

    async fn gone(&mut self) {
        std::future::pending().await
    }
}

impl ResponseSink for Sink {
    async fn head(&mut self, _head: &ResponseHead, _length: BodyLength) -> Result<(), ClientGone> {
        panic!("injected")
    }

    async fn data(&mut self, _data: Bytes) -> Result<(), ClientGone> {
        panic!("injected")
    }

    async fn finish(&mut self, _trailers: Option<Headers>) -> Result<(), ClientGone> {
        panic!("injected")
    }

    async fn whole(&mut self, head: &ResponseHead, _body: Bytes) -> Result<(), ClientGone> {
        assert!(!self.panics, "injected");
        self.status = Some(head.status);
        Ok(())
    }

    fn abort(&mut self) {
        self.aborted = true;
    }
}

/// Runs one exchange; what it does next, and the events that are left of it.
fn play(body: &mut Body, sink: &mut Sink) -> (After, Vec<serde_json::Value>) {
    let folder = tempfile::tempdir().unwrap();
    let plan = testing::plan("127.0.0.1:1");
    let shared = Arc::new(Shared {
        spool: Spool::open(folder.path(), &plan.gateway.spool).unwrap(),
        engine: ArcSwap::from_pointee(Engine::new(plan).unwrap()),
        state: State::new(),
        certificates: Certificates::default(),
        challenges: crate::Challenges::new(folder.path()),
        health: Health::default(),
        look_ups: LookUps::default(),
        clock: Clock::start(),
        counters: Counters::default(),
        drain: watch::channel(false).1,
    });
    let worker = Worker::new(Arc::clone(&shared), Upstreams::new(&shared.health));
    let request = Request {
        id: RequestId::new(Timestamp(0), 7),
        method: "POST".to_owned(),
        scheme: Scheme::Http,
        authority: "api.example".to_owned(),
        path: CanonicalPath::parse(b"/a").unwrap(),
        query: None,
        version: HttpVersion::Http11,
        headers: Headers::default(),
        framing: Framing::Length(5),
        upgrade: None,
        client: testing::client("192.0.2.1"),
        received: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let after = runtime.block_on(run(&worker, Box::new(request), body, sink, shared.clock.now()));
    shared.spool.close();
    let page = reader::read_after(folder.path(), 0, 10).unwrap();
    let events = page.entries.iter().map(|entry| serde_json::from_slice(&entry.payload).unwrap()).collect();
    (after, events)
}

fn told(events: &[serde_json::Value]) -> Vec<(&str, &str)> {
    let text = |event: &'static str, value: &serde_json::Value| value[event].as_str().map(str::to_owned);
    assert!(events.iter().all(|event| text("id", event) == Some(RequestId::new(Timestamp(0), 7).to_string())));
    events
        .iter()
        .map(|event| (event["verdict"].as_str().unwrap(), event["refusals"][0]["reason"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_panic_while_the_body_is_read_is_answered_and_told() {
    let (mut body, mut sink) = (Body { panics: true }, Sink::default());
    let (after, events) = play(&mut body, &mut sink);
    assert!(matches!(after, After::Last));
    assert_eq!((sink.status, sink.aborted), (Some(500), false));
    assert_eq!(told(&events), [("failed", "exchange.panic")], "{events:?}");
}

#[test]
fn a_panic_while_it_is_answered_is_told_and_the_client_cut_off() {
    for panics in [true, false] {
        let (mut body, mut sink) = (Body { panics }, Sink { panics: true, ..Sink::default() });
        let (after, events) = play(&mut body, &mut sink);
        assert!(matches!(after, After::Broken));
        assert_eq!((sink.status, sink.aborted), (None, true));
        assert_eq!(told(&events), [("failed", "exchange.panic")], "{events:?}");
    }
}
