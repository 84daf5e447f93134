//! GraphQL of an API, as a part of its contract.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Unknown;

/// GraphQL over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphqlPlan {
    /// Paths that it is served on, the base path included.
    pub paths: Vec<String>,
    /// Most fields within each other.
    pub depth: u16,
    /// Most fields under another name, fragments written out.
    pub aliases: u32,
    /// Most fields at the top.
    pub root_fields: u32,
    /// Most operations in one request.
    pub batch: u16,
    /// Most points of one request.
    pub cost: u64,
    /// Most words of a document.
    pub words: u32,
    /// How many entries a list is taken to have that no argument bounds.
    pub list_size: u32,
    /// Arguments that bound a list, such as `first`.
    pub size_arguments: Vec<String>,
    /// Whether the schema itself may be asked for.
    pub introspection: Unknown,
    /// Documents that are allowed; `None` allows all.
    pub allow: Option<Vec<String>>,
    /// The schema, as far as it is needed; `None` when it is not known.
    pub schema: Option<GraphqlSchemaPlan>,
    /// Who may read or call which fields; fields that no rule names are open to all.
    pub fields: Vec<GraphqlFieldRulePlan>,
}

/// A GraphQL schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphqlSchemaPlan {
    /// Type of queries.
    pub query: Option<String>,
    /// Type of mutations.
    pub mutation: Option<String>,
    /// Type of subscriptions.
    pub subscription: Option<String>,
    /// Fields by type; objects, interfaces and unions (which have none).
    pub types: BTreeMap<String, BTreeMap<String, GraphqlFieldPlan>>,
}

/// One field of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphqlFieldPlan {
    /// Its type, without list and non-null.
    pub kind: String,
    /// Whether it is a list.
    pub list: bool,
    /// Points of the field itself.
    pub cost: u32,
    /// Names of its arguments.
    pub arguments: Vec<String>,
    /// Arguments that bound it; the API's when empty.
    pub size_arguments: Vec<String>,
    /// How many entries it is taken to have that no argument bounds.
    pub list_size: Option<u32>,
}

/// Who may read or call some fields: one of the roles, and all of the scopes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphqlFieldRulePlan {
    /// `TYPE.FIELD`; either may be `*`.
    pub fields: Vec<String>,
    /// Roles.
    pub roles: Vec<String>,
    /// Scopes.
    pub scopes: Vec<String>,
}
