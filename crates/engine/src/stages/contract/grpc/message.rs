//! A Protocol Buffers message against its type: known fields, written as their types are, not too deep and not too many.

use stockade_model::Reason;
use stockade_model::plan::{GrpcFieldPlan, GrpcKind, GrpcMessagePlan, GrpcPlan, Unknown};

use super::{MESSAGE, SIZE};

type Problem = (&'static Reason, String);

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;
const START: u8 = 3;
const END: u8 = 4;
const FIXED32: u8 = 5;

/// Reads one message with all that is in it.
pub(super) struct Reader<'a> {
    plan: &'a GrpcPlan,
    left: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(plan: &'a GrpcPlan) -> Self {
        Self { plan, left: plan.values }
    }

    /// Checks a message of the type `name`.
    pub(super) fn message(&mut self, bytes: &[u8], name: &str, depth: u16) -> Result<(), Problem> {
        let mut rest = bytes;
        self.fields(&mut rest, name, depth, None)
    }

    /// Reads fields to the end, or to the mark that ends the group `group`.
    fn fields(&mut self, rest: &mut &[u8], name: &str, depth: u16, group: Option<u32>) -> Result<(), Problem> {
        if depth > self.plan.depth {
            return Err((&SIZE, format!("expected at most {} messages within each other", self.plan.depth)));
        }
        let Some(kind) = self.plan.messages.get(name) else {
            return Err(broken("a known type"));
        };
        while !rest.is_empty() {
            self.left = self
                .left
                .checked_sub(1)
                .ok_or_else(|| (&SIZE, format!("expected at most {} values", self.plan.values)))?;
            let tag = varint(rest)?;
            let number = u32::try_from(tag >> 3).map_err(|_| broken("a field number"))?;
            let wire = (tag & 7) as u8;
            if wire == END {
                return if group == Some(number) { Ok(()) } else { Err(broken("no end of a group")) };
            }
            match kind.fields.get(&number) {
                Some(field) => self.known(rest, number, wire, field, name, depth)?,
                None => self.unknown(rest, number, wire, kind, name, depth)?,
            }
        }
        if group.is_none() { Ok(()) } else { Err(broken("the end of a group")) }
    }

    fn known(
        &mut self,
        rest: &mut &[u8],
        number: u32,
        wire: u8,
        field: &GrpcFieldPlan,
        name: &str,
        depth: u16,
    ) -> Result<(), Problem> {
        let wrong = || (&MESSAGE, format!("expected field {number} of `{name}` as {:?}", field.kind));
        let message = field.message.as_deref().unwrap_or_default();
        match (field.kind, wire) {
            (GrpcKind::Varint, VARINT) => varint(rest).map(|_| ()),
            (GrpcKind::Fixed64, FIXED64) => take(rest, 8).map(|_| ()),
            (GrpcKind::Fixed32, FIXED32) => take(rest, 4).map(|_| ()),
            (GrpcKind::Text, LENGTH) => {
                let text = with_length(rest)?;
                std::str::from_utf8(text)
                    .map(|_| ())
                    .map_err(|_| (&MESSAGE, format!("expected field {number} of `{name}` in UTF-8")))
            }
            (GrpcKind::Bytes, LENGTH) => with_length(rest).map(|_| ()),
            (GrpcKind::Message, LENGTH) => {
                let inner = with_length(rest)?;
                self.message(inner, message, depth.saturating_add(1))
            }
            (GrpcKind::Group, START) => self.fields(rest, message, depth.saturating_add(1), Some(number)),
            // Numbers that come more than once may be packed, whatever the definition prefers.
            (GrpcKind::Varint | GrpcKind::Fixed64 | GrpcKind::Fixed32, LENGTH) if field.repeated => {
                let mut packed = with_length(rest)?;
                while !packed.is_empty() {
                    self.left = self
                        .left
                        .checked_sub(1)
                        .ok_or_else(|| (&SIZE, format!("expected at most {} values", self.plan.values)))?;
                    match field.kind {
                        GrpcKind::Varint => varint(&mut packed).map(|_| ())?,
                        GrpcKind::Fixed64 => take(&mut packed, 8).map(|_| ())?,
                        _ => take(&mut packed, 4).map(|_| ())?,
                    }
                }
                Ok(())
            }
            _ => Err(wrong()),
        }
    }

    fn unknown(
        &mut self,
        rest: &mut &[u8],
        number: u32,
        wire: u8,
        kind: &GrpcMessagePlan,
        name: &str,
        depth: u16,
    ) -> Result<(), Problem> {
        if self.plan.unknown_fields == Unknown::Refuse && !kind.is_open {
            return Err((&MESSAGE, format!("expected only fields of `{name}`, got field {number}")));
        }
        self.skip(rest, number, wire, depth)
    }

    fn skip(&mut self, rest: &mut &[u8], number: u32, wire: u8, depth: u16) -> Result<(), Problem> {
        match wire {
            VARINT => varint(rest).map(|_| ()),
            FIXED64 => take(rest, 8).map(|_| ()),
            LENGTH => with_length(rest).map(|_| ()),
            FIXED32 => take(rest, 4).map(|_| ()),
            START if depth < self.plan.depth => loop {
                self.left = self.left.checked_sub(1).ok_or_else(|| broken("fewer values"))?;
                let tag = varint(rest)?;
                let (inner, wire) = (u32::try_from(tag >> 3).map_err(|_| broken("a field number"))?, (tag & 7) as u8);
                if wire == END {
                    return if inner == number { Ok(()) } else { Err(broken("the end of a group")) };
                }
                self.skip(rest, inner, wire, depth.saturating_add(1))?;
            },
            _ => Err(broken("a field")),
        }
    }
}

fn broken(expected: &str) -> Problem {
    (&MESSAGE, format!("expected {expected}"))
}

fn varint(rest: &mut &[u8]) -> Result<u64, Problem> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let (byte, after) = rest.split_first().ok_or_else(|| broken("a whole number"))?;
        *rest = after;
        if shift < 64 {
            value |= u64::from(byte & 0x7f) << shift;
        }
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(broken("a number of at most ten bytes"))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Problem> {
    let (taken, after) = rest.split_at_checked(length).ok_or_else(|| broken("a longer message"))?;
    *rest = after;
    Ok(taken)
}

fn with_length<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Problem> {
    let length = usize::try_from(varint(rest)?).map_err(|_| broken("a length"))?;
    take(rest, length)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn plan(unknown_fields: Unknown) -> GrpcPlan {
        let field =
            |kind, message: Option<&str>, repeated| GrpcFieldPlan { kind, message: message.map(Into::into), repeated };
        let fields = BTreeMap::from([
            (1, field(GrpcKind::Text, None, false)),
            (2, field(GrpcKind::Varint, None, true)),
            (3, field(GrpcKind::Message, Some("A"), false)),
            (4, field(GrpcKind::Group, Some("A"), false)),
        ]);
        GrpcPlan {
            methods: BTreeMap::new(),
            messages: BTreeMap::from([("A".to_owned(), GrpcMessagePlan { fields, is_open: false })]),
            message_bytes: 1000,
            depth: 3,
            values: 20,
            unknown_fields,
        }
    }

    fn judged(bytes: &[u8]) -> Result<(), &'static str> {
        let plan = plan(Unknown::Refuse);
        Reader::new(&plan).message(bytes, "A", 0).map_err(|(reason, _)| reason.code)
    }

    #[test]
    fn messages_of_the_type_pass() {
        for good in [
            &b""[..],
            b"\x0a\x02hi",
            b"\x10\x01\x10\x02",
            b"\x12\x02\x01\x02",
            b"\x1a\x04\x0a\x02hi",
            b"\x23\x0a\x02hi\x24",
        ] {
            assert_eq!(judged(good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn others_do_not() {
        for bad in [
            &b"\x0a\x05hi"[..],
            b"\x0a\x01\xff",
            b"\x08\x01",
            b"\x28\x01",
            b"\x10",
            b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x23\x0a\x02hi",
            b"\x24",
            b"\x07",
        ] {
            assert_eq!(judged(bad), Err("contract.grpc_message"), "{bad:?}");
        }
        assert_eq!(judged(b"\x1a\x08\x1a\x06\x1a\x04\x1a\x02\x1a\x00"), Err("contract.grpc_size"));
        assert_eq!(judged(&b"\x10\x01".repeat(21)), Err("contract.grpc_size"));
        assert_eq!(
            judged(b"\x12\x16\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"),
            Err("contract.grpc_size")
        );
    }

    #[test]
    fn fields_of_later_versions_may_be_let_pass() {
        let plan = plan(Unknown::Pass);
        let pass = |bytes: &[u8]| Reader::new(&plan).message(bytes, "A", 0).is_ok();
        assert!(pass(b"\x28\x01") && pass(b"\x2b\x08\x01\x2c") && !pass(b"\x2b\x08\x01\x24"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail_in_another_way(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let plan = plan(Unknown::Pass);
            let _ = Reader::new(&plan).message(&bytes, "A", 0);
        }
    }
}
