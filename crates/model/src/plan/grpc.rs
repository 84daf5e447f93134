//! gRPC of an API, as a part of its contract.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Unknown;

/// gRPC: which methods may be called, and what their messages may hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrpcPlan {
    /// Methods that may be called, by path: `/shop.v1.Orders/Get`.
    pub methods: BTreeMap<String, GrpcMethodPlan>,
    /// Message types by full name.
    pub messages: BTreeMap<String, GrpcMessagePlan>,
    /// Largest message, bytes.
    pub message_bytes: u32,
    /// Messages within each other.
    pub depth: u16,
    /// Values in one message.
    pub values: u32,
    /// Fields that a message type does not have.
    pub unknown_fields: Unknown,
}

/// One method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrpcMethodPlan {
    /// Type of the messages that callers send.
    pub input: String,
    /// Whether callers send more than one; then messages are not looked into.
    pub client_streaming: bool,
}

/// One message type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrpcMessagePlan {
    /// Fields by number.
    pub fields: BTreeMap<u32, GrpcFieldPlan>,
    /// Whether it may have fields that are defined elsewhere (extensions).
    pub is_open: bool,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrpcFieldPlan {
    /// How its value is written.
    pub kind: GrpcKind,
    /// Message type, where it is one.
    pub message: Option<String>,
    /// Whether it may come more than once.
    pub repeated: bool,
}

/// How a value is written (Protocol Buffers encoding).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrpcKind {
    /// Whole numbers, booleans, enumerations.
    Varint,
    /// Eight bytes.
    Fixed64,
    /// Four bytes.
    Fixed32,
    /// Text in UTF-8.
    Text,
    /// Bytes.
    Bytes,
    /// A message with its length in front.
    Message,
    /// A message between marks.
    Group,
}
