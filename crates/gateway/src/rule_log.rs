//! The log of SecLang rules, in ModSecurity's error-log form, for tools that read that.
//!
//! Lines are written before the answer goes out, all of an exchange at once, so that whoever has the answer finds them.
//! The file is opened to append, and each write is one call: lines of several workers never mix.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::Write;

use stockade_model::plan::GatewayPlan;

/// One worker's handle of the log.
#[derive(Debug, Default)]
pub(crate) struct RuleLog {
    open: RefCell<Option<(String, File)>>,
}

impl RuleLog {
    /// Appends lines. A log that cannot be written is told of on standard error, and costs no exchange.
    pub(crate) fn write(&self, plan: &GatewayPlan, lines: Vec<String>) {
        let Some(path) = plan.seclang_log.as_ref().filter(|_| !lines.is_empty()) else { return };
        let mut open = self.open.borrow_mut();
        if open.as_ref().is_none_or(|(known, _)| known != path) {
            *open = match OpenOptions::new().create(true).append(true).open(path) {
                Ok(file) => Some((path.clone(), file)),
                Err(error) => {
                    crate::process::tell(&format!("cannot open the log of rules `{path}`: {error}"));
                    None
                }
            };
        }
        let mut text = lines.join("\n");
        text.push('\n');
        if let Some((_, file)) = open.as_mut()
            && let Err(error) = file.write_all(text.as_bytes())
        {
            crate::process::tell(&format!("cannot write the log of rules `{path}`: {error}"));
        }
    }
}
