//! The upstream side: pools, targets, health, HTTP/1.1 and HTTP/2, plain and TLS.
//!
//! Takes only a `Cleared` request and writes the bytes from its canonical form.

mod attempt;
mod checks;
mod deadline;
mod failure;
mod fields;
mod group;
mod health;
mod http1;
mod http2;
mod io;
mod pool;
pub(crate) mod reason;
mod reply;
mod target;
mod tls;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use stockade_engine::{Cleared, Engine};
use stockade_model::{Plan, Reason};

use self::group::Group;
use crate::message::BodyLength;

pub use self::health::Health;
pub(crate) use self::reply::{Duplex, PendingReply, Reply, RequestStream, Upgraded};
pub(crate) use tls::roots;

/// One worker's connections to every upstream of every API.
#[derive(Debug, Default)]
pub struct Upstreams {
    health: Health,
    /// The engine the groups were built for; never used, only told apart from another.
    engine: RefCell<Weak<Engine>>,
    groups: RefCell<Vec<Rc<Group>>>,
}

/// Why no answer came.
#[derive(Debug)]
pub struct UpstreamFailure {
    /// Why; its status (502, 503 or 504) is what the caller gets.
    pub reason: &'static Reason,
    /// What was expected and what came, with the target.
    pub detail: String,
    /// The target, when one was chosen.
    pub target: Option<String>,
}

/// Whether every upstream of a plan can be run: targets, CA files, fields to set.
///
/// # Errors
/// The first that cannot, as `setting: problem`.
pub(crate) fn check(plan: &Plan) -> Result<(), String> {
    for api in &plan.apis {
        group::check(&api.upstream).map_err(|problem| format!("apis.{}.{problem}", api.name))?;
    }
    Ok(())
}

impl Upstreams {
    /// One worker's side of the upstreams, over the health that all workers share.
    #[must_use]
    pub fn new(health: &Health) -> Self {
        Self { health: health.clone(), ..Self::default() }
    }

    /// Follows a reload: targets that stay keep their connections, those of others are closed when idle.
    ///
    /// Happens by itself with the first request of a new engine; calling it closes idle connections at once.
    pub fn update(&self, engine: &Arc<Engine>) {
        let plan = engine.plan();
        let mut groups = self.groups.borrow_mut();
        let next = plan.apis.iter().zip(self.health.follow(plan)).map(|(api, health)| {
            let before = groups.iter().find(|group| group.api == api.name);
            match before {
                Some(same) if same.plan == api.upstream && Arc::ptr_eq(&same.health, &health) => Rc::clone(same),
                _ => Rc::new(Group::new(&api.name, &api.upstream, health, before.map(|before| &**before))),
            }
        });
        let next: Vec<_> = next.collect();
        *groups = next;
        *self.engine.borrow_mut() = Arc::downgrade(engine);
    }

    /// The group of the API that a request was cleared for.
    fn group(&self, cleared: &Cleared) -> Result<Rc<Group>, UpstreamFailure> {
        if self.engine.borrow().as_ptr() != Arc::as_ptr(cleared.engine()) {
            self.update(cleared.engine());
        }
        self.groups.borrow().get(cleared.api_index()).cloned().ok_or_else(|| UpstreamFailure {
            reason: &reason::NO_TARGET,
            detail: "the request was cleared for no API".to_owned(),
            target: None,
        })
    }

    /// Sends a whole request and waits for the head of its reply. Retries where that is safe.
    ///
    /// # Errors
    /// No target usable, no connection, no proper head in time.
    pub async fn send(&self, cleared: &Cleared) -> Result<Reply, UpstreamFailure> {
        attempt::send(&*self.group(cleared)?, cleared).await
    }

    /// Sends the head and the judged part of the body; the rest goes through the stream.
    ///
    /// `length` is that of the whole body. Another connection is tried only before anything was written.
    /// Poll stream and reply in the same task, or the answer to an early end may be late.
    ///
    /// # Errors
    /// No target usable, no connection.
    pub async fn open(
        &self,
        cleared: &Cleared,
        length: BodyLength,
    ) -> Result<(RequestStream, PendingReply), UpstreamFailure> {
        attempt::open(&*self.group(cleared)?, cleared, length).await
    }

    /// Asks for a protocol switch (RFC 9110 7.8) over HTTP/1.1.
    ///
    /// # Errors
    /// No target usable, no connection, no proper head in time.
    pub async fn upgrade(&self, cleared: &Cleared) -> Result<Upgraded, UpstreamFailure> {
        attempt::upgrade(&*self.group(cleared)?, cleared).await
    }
}
