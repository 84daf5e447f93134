//! A whole gateway in this process, in front of a scripted origin.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use stockade_engine::{Engine, State};
use stockade_gateway::clock::Clock;
use stockade_gateway::shared::{Counters, Shared};
use stockade_gateway::spool::{Spool, reader};
use stockade_gateway::{Certificates, Challenges, Health, LookUps, Server};
use stockade_model::Plan;
use stockade_model::plan::ListenerPlan;
use tokio::sync::watch;

/// A running gateway; dropping it drains it.
pub struct Gateway {
    pub address: SocketAddr,
    pub shared: Arc<Shared>,
    drain: watch::Sender<bool>,
    server: Option<Server>,
    folder: tempfile::TempDir,
}

impl Gateway {
    /// Starts one worker on a free port.
    pub fn start(mut plan: Plan) -> Self {
        plan.gateway.listeners = vec![ListenerPlan { address: "127.0.0.1:0".to_owned(), tls: None }];
        let folder = tempfile::tempdir().unwrap();
        let (drain, draining) = watch::channel(false);
        let shared = Arc::new(Shared {
            spool: Spool::open(folder.path(), &plan.gateway.spool).unwrap(),
            engine: ArcSwap::from_pointee(Engine::new(plan).unwrap()),
            state: State::new(),
            certificates: Certificates::default(),
            challenges: Challenges::new(folder.path()),
            health: Health::default(),
            look_ups: LookUps::default(),
            clock: Clock::start(),
            counters: Counters::default(),
            drain: draining,
        });
        let server = Server::start(&shared).unwrap();
        let address = server.addresses()[0];
        Self { address, shared, drain, server: Some(server), folder }
    }

    /// Ends the gateway; the events that it wrote.
    pub fn events(mut self) -> Vec<serde_json::Value> {
        self.end();
        let page = reader::read_after(self.folder.path(), 0, 10_000).unwrap();
        let events = page.entries.iter().map(|entry| serde_json::from_slice(&entry.payload).unwrap());
        events.filter(|event: &serde_json::Value| event["kind"] == "exchange").collect()
    }

    fn end(&mut self) {
        let _ = self.drain.send(true);
        if let Some(server) = self.server.take() {
            server.join();
        }
        self.shared.spool.close();
    }

    /// Begins to drain.
    pub fn drain(&self) {
        self.drain.send(true).unwrap();
    }

    /// Sends bytes and reads until the connection ends or is silent for `patience`.
    pub fn talk(&self, raw: &[u8], patience: Duration) -> (Vec<u8>, End) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        // A refusal may come, and the connection end, before all is written.
        let _ = stream.write_all(raw);
        read_all(&mut stream, patience)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.end();
    }
}

/// How reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Closed,
    Silent,
}

/// Reads until the end, or until nothing came for `patience`.
pub fn read_all(stream: &mut TcpStream, patience: Duration) -> (Vec<u8>, End) {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut out = Vec::new();
    let mut room = [0; 65_536];
    loop {
        match stream.read(&mut room) {
            Ok(0) => return (out, End::Closed),
            Ok(read) => out.extend_from_slice(&room[..read]),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                return (out, End::Silent);
            }
            Err(_) => return (out, End::Closed),
        }
    }
}

/// An origin that reads whole requests and answers each with `answer(request)`; ends with the test.
pub fn origin(answer: fn(&str) -> String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream, answer));
        }
    });
    address
}

fn serve(mut stream: TcpStream, answer: fn(&str) -> String) {
    let mut held = Vec::new();
    let mut room = [0; 65_536];
    loop {
        while let Some(length) = whole(&held) {
            let request: Vec<u8> = held.drain(..length).collect();
            let reply = answer(&String::from_utf8_lossy(&request));
            if stream.write_all(reply.as_bytes()).is_err() {
                return;
            }
        }
        match stream.read(&mut room) {
            Ok(0) | Err(_) => return,
            Ok(read) => held.extend_from_slice(&room[..read]),
        }
    }
}

/// The length of the first request, once all of it is there. The gateway's own framing is regular.
fn whole(held: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(held).to_ascii_lowercase();
    let head = text.find("\r\n\r\n")? + 4;
    if text[..head].contains("transfer-encoding: chunked") {
        return text[head..].find("0\r\n\r\n").map(|end| head + end + 5);
    }
    let length = text[..head]
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |value| value.trim().parse::<usize>().unwrap());
    (held.len() >= head + length).then_some(head + length)
}
