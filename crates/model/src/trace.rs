//! W3C Trace Context: the trace that a request belongs to, kept from the caller or started here.
//!
//! The gateway is one span of the trace. The span's id, and the trace's when it is started here, are those of the
//! exchange, so that each is found by the other.

use crate::{Headers, RequestId};

/// Length of a `traceparent` field of version 00.
const FIELD_BYTES: usize = 55;
/// Flags that version 00 and the second level know: sampled, random.
const KNOWN_FLAGS: u8 = 3;

/// The context of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: u128,
    /// The caller's span; `None` when the trace is started here.
    pub parent: Option<u64>,
    /// The gateway's span.
    pub span: u64,
    flags: u8,
}

impl TraceContext {
    /// The context of the request with this id: the caller's where it sent a good one, else a new one.
    #[must_use]
    pub fn of(id: RequestId, headers: &Headers) -> Self {
        let mut fields = headers.get_all("traceparent");
        // Several are none (2.2 of the specification).
        let caller = match (fields.next(), fields.next()) {
            (Some(field), None) => parse(field),
            _ => None,
        };
        let span = id.span();
        match caller {
            Some((trace, parent, flags)) => Self { trace, parent: Some(parent), span, flags: flags & KNOWN_FLAGS },
            // Sampled, since every exchange is recorded.
            None => Self { trace: id.trace(), parent: None, span, flags: 1 },
        }
    }

    /// The `traceparent` field for the upstream.
    #[must_use]
    pub fn field(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// Reads a `traceparent` field: trace, span and flags. A later version may have more behind them.
fn parse(field: &[u8]) -> Option<(u128, u64, u8)> {
    let (known, more) = field.split_at_checked(FIELD_BYTES)?;
    let text = std::str::from_utf8(known).ok()?;
    let good = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'));
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lengths = (version.len(), trace.len(), span.len(), flags.len()) == (2, 32, 16, 2);
    if !good || !lengths || version == "ff" || (version == "00" && !more.is_empty()) {
        return None;
    }
    if !more.is_empty() && more.first() != Some(&b'-') {
        return None;
    }
    let trace = u128::from_str_radix(trace, 16).ok().filter(|trace| *trace != 0)?;
    let span = u64::from_str_radix(span, 16).ok().filter(|span| *span != 0)?;
    Some((trace, span, u8::from_str_radix(flags, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn context(fields: &[&str]) -> TraceContext {
        let mut headers = Headers::default();
        for field in fields {
            headers.push(b"traceparent", field.as_bytes());
        }
        TraceContext::of(RequestId::new(Timestamp(1_700_000_000_000_000), 0xab), &headers)
    }

    #[test]
    fn a_good_context_is_kept_with_a_span_of_our_own() {
        let kept = context(&[GOOD]);
        assert_eq!((kept.trace, kept.parent), (0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, Some(0x00f0_67aa_0ba9_02b7)));
        assert_eq!(kept.field(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000ab-01");
        let later = context(&["cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what-comes-later"]);
        assert_eq!(later.field(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000ab-03");
    }

    #[test]
    fn without_a_good_one_a_new_one_is_started() {
        let started = context(&[]);
        assert_eq!((started.parent, started.span), (None, 0xab));
        assert_eq!(started.field(), "00-018bcfe56800000000000000000000ab-00000000000000ab-01");
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-701",
            "00-4bf92f3577b34da6a3ce929d0e0e473600-f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473\u{e9}-00f067aa0ba902b7-1",
        ] {
            assert_eq!(context(&[bad]), started, "{bad}");
        }
        assert_eq!(context(&[GOOD, GOOD]), started);
    }
}
