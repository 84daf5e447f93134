//! Findings that the operator lets pass.

use stockade_model::Timestamp;
use stockade_model::plan::Exception;

/// One exception, with its place cut at the `[*]` wildcards.
#[derive(Debug)]
pub(super) struct Rule {
    operation: Option<String>,
    place: Option<Vec<String>>,
    detector: Option<String>,
    expires_at: Option<Timestamp>,
}

impl Rule {
    pub(super) fn new(exception: &Exception) -> Self {
        Self {
            operation: exception.operation.clone(),
            place: exception.place.as_ref().map(|place| place.split("[*]").map(str::to_owned).collect()),
            detector: exception.detector.clone(),
            expires_at: exception.expires_at,
        }
    }

    /// Whether all that the exception names fits, and it has not ended.
    pub(super) fn covers(&self, operation: Option<&str>, place: &str, detector: &str, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
            && self.detector.as_deref().is_none_or(|name| name == detector)
            && self.operation.as_deref().is_none_or(|name| Some(name) == operation)
            && self.place.as_ref().is_none_or(|parts| fits(parts, place))
    }
}

/// Whether `place` is the parts with an index between each two.
fn fits(parts: &[String], place: &str) -> bool {
    let mut rest = place;
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            let Some(after) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) else { return false };
            if after.0.is_empty() || !after.0.bytes().all(|byte| byte.is_ascii_digit()) {
                return false;
            }
            rest = after.1;
        }
        let Some(after) = rest.strip_prefix(part.as_str()) else { return false };
        rest = after;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(operation: Option<&str>, place: Option<&str>, detector: Option<&str>, end: Option<u64>) -> Rule {
        Rule::new(&Exception {
            operation: operation.map(str::to_owned),
            place: place.map(str::to_owned),
            detector: detector.map(str::to_owned),
            reason: "a test".to_owned(),
            expires_at: end.map(Timestamp),
        })
    }

    #[test]
    fn all_that_is_named_must_fit() {
        let now = Timestamp(10);
        let all = rule(Some("save"), Some("body.note"), Some("xss"), None);
        assert!(all.covers(Some("save"), "body.note", "xss", now));
        assert!(!all.covers(Some("load"), "body.note", "xss", now));
        assert!(!all.covers(None, "body.note", "xss", now));
        assert!(!all.covers(Some("save"), "body.note2", "xss", now));
        assert!(!all.covers(Some("save"), "body.note", "jndi", now));
        assert!(rule(None, None, None, None).covers(None, "path.0", "xss", now));
    }

    #[test]
    fn a_star_stands_for_any_index() {
        let star = rule(None, Some("body.items[*].tags[*]"), None, None);
        assert!(star.covers(None, "body.items[12].tags[0]", "xss", Timestamp(0)));
        assert!(!star.covers(None, "body.items[12].tags", "xss", Timestamp(0)));
        assert!(!star.covers(None, "body.items[x].tags[0]", "xss", Timestamp(0)));
    }

    #[test]
    fn an_exception_ends() {
        let rule = rule(None, None, None, Some(100));
        assert!(rule.covers(None, "query.q", "xss", Timestamp(99)));
        assert!(!rule.covers(None, "query.q", "xss", Timestamp(100)));
    }
}
