//! What matched, and how that is told in ModSecurity's error-log form.

use crate::transaction::Circumstances;

/// Longest text of a report, bytes.
const LONGEST: usize = 512;

/// One rule that matched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Match {
    /// `id`
    pub rule: u64,
    /// Phase, 1 to 5.
    pub phase: u8,
    /// File of the rule.
    pub file: String,
    /// Its line.
    pub line: u32,
    /// `msg`, filled in.
    pub message: String,
    /// `logdata`, filled in.
    pub data: String,
    /// `severity`, 0 to 7.
    pub severity: Option<u8>,
    /// `tag`
    pub tags: Vec<String>,
    /// `rev`
    pub rev: Option<String>,
    /// `ver`
    pub ver: Option<String>,
    /// `maturity`
    pub maturity: Option<String>,
    /// `accuracy`
    pub accuracy: Option<String>,
    /// The last operator of the chain, as it was written.
    pub operator: String,
    /// The variable that matched last, such as `ARGS:id`.
    pub variable: String,
    /// Its value after transformations, cut.
    pub value: String,
    /// Variables of the message whose values it matched, with those values; of a rule that looks at what others set,
    /// none.
    pub origins: Vec<(String, String)>,
    /// Status, when it refused.
    pub denied: Option<u16>,
}

const SEVERITIES: [&str; 8] = ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];

/// Bytes as text that fits a log line: controls and quotes escaped, cut.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let cut = bytes.get(..LONGEST).unwrap_or(bytes);
    let mut out = String::with_capacity(cut.len());
    for chunk in cut.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                control if control.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(control))),
                other => out.push(other),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

impl Match {
    /// The line that ModSecurity would have written to an error log, without a line end.
    ///
    /// `host` and `uri` are those of the request.
    #[must_use]
    pub fn line(&self, circumstances: &Circumstances, host: &str, uri: &str) -> String {
        let decision = match self.denied {
            Some(status) => format!("Access denied with code {status} (phase {}).", self.phase),
            None => "Warning.".to_owned(),
        };
        let mut out = format!(
            "ModSecurity: {decision} Matched \"Operator `{}' against variable `{}' (Value: `{}' ) [file \"{}\"] \
             [line \"{}\"] [id \"{}\"]",
            text(self.operator.as_bytes()),
            text(self.variable.as_bytes()),
            self.value,
            text(self.file.as_bytes()),
            self.line,
            self.rule
        );
        let mut field = |name: &str, value: &str| {
            out.push_str(&format!(" [{name} \"{value}\"]"));
        };
        if let Some(rev) = &self.rev {
            field("rev", rev);
        }
        field("msg", &self.message);
        field("data", &self.data);
        if let Some(severity) = self.severity {
            field("severity", SEVERITIES.get(usize::from(severity)).copied().unwrap_or("0"));
        }
        for (name, value) in [("ver", &self.ver), ("maturity", &self.maturity), ("accuracy", &self.accuracy)] {
            if let Some(value) = value {
                field(name, value);
            }
        }
        for tag in &self.tags {
            field("tag", &text(tag.as_bytes()));
        }
        field("hostname", &text(host.as_bytes()));
        field("uri", &text(uri.as_bytes()));
        field("unique_id", &circumstances.id);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_read_by_tools_that_look_for_ids() {
        let found = Match { rule: 942_100, phase: 2, message: "SQL".to_owned(), severity: Some(2), ..Match::default() };
        let circumstances = Circumstances {
            client: "1.2.3.4".to_owned(),
            client_port: 1,
            server: "::1".to_owned(),
            server_port: 80,
            id: "X".to_owned(),
            now_us: 0,
        };
        let line = found.line(&circumstances, "h", "/a\"\n");
        assert!(line.contains("[id \"942100\"] [msg \"SQL\"]") && line.contains("[severity \"CRITICAL\"]"));
        assert!(line.contains("[uri \"/a\\\"\\n\"]") && !line.contains('\n'));
    }
}
