//! The gateway process: loads the last good bundle, serves, reloads, drains on SIGTERM.

use std::path::PathBuf;

/// What the process is told when it starts.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Data folder: holds `bundles/`, `keys/bundle.pub`, `decisions.json`, `spool/` and `gateway.sock`.
    pub data: PathBuf,
}

/// Runs until told to stop. Returns the exit code: 0 after a drain, 2 when nothing could be started.
#[must_use]
pub fn run(options: &Options) -> i32 {
    let _ = options;
    0
}
