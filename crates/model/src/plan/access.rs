//! Who may do what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OperationSelector, Unknown};

/// Who may do what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessPlan {
    /// Roles that callers get beside those of their credential.
    #[serde(default)]
    pub roles: Vec<RoleGrantPlan>,
    /// An operation that one or more rules select is denied unless one of them permits the caller.
    pub rules: Vec<AccessRulePlan>,
    /// Whether operations that no rule selects are denied to everybody; else they are open to whoever identity let pass.
    #[serde(default)]
    pub deny_others: bool,
    /// Which objects belong to somebody, and to whom.
    #[serde(default)]
    pub objects: Vec<ObjectPlan>,
    /// Fields that not every role may send or see.
    #[serde(default)]
    pub fields: Vec<FieldRulePlan>,
    /// Bytes of a response that are kept to be looked at or changed.
    #[serde(default)]
    pub body_bytes: u64,
    /// Policies in Cedar; what none of them permits is denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<Box<PoliciesPlan>>,
}

/// Policies in Cedar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoliciesPlan {
    /// Cedar schema in its JSON form: entity types `Caller`, `Role` and `Resource`, one action for each operation id and
    /// for `method:NAME`.
    pub schema: serde_json::Value,
    /// Policies in the order of their files.
    pub policies: Vec<PolicyPlan>,
}

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyPlan {
    /// File it stands in.
    pub file: String,
    /// Line where it begins, from 1.
    pub line: u32,
    /// Its text. The annotation `@id` names it; else file and line do.
    pub text: String,
}

/// Gives a role to some callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleGrantPlan {
    /// The role.
    pub role: String,
    /// What of the caller is looked at: `claim:NAME`, `role`, `scope`, `subject`, `client`, `key` or `method`.
    pub from: String,
    /// What it must be, or hold where it is a list.
    pub is: String,
}

/// Permits some callers some operations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessRulePlan {
    /// Name in events.
    pub name: String,
    /// Operations it is about.
    pub select: OperationSelector,
    /// The caller must have one of these; empty asks for none. With no role and no scope the rule permits nobody.
    pub roles: Vec<String>,
    /// The caller must have all of these.
    pub scopes: Vec<String>,
    /// Whether it permits whoever identity let pass, without role or scope.
    #[serde(default)]
    pub anyone: bool,
}

/// Objects of one kind, and whose they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectPlan {
    /// Where they are, below the base path: `orders/{order_id}`. The last segment is the object's id.
    pub path: String,
    /// Whose they are.
    pub owner: ObjectOwnerPlan,
    /// What of the caller is compared with the owner: `subject`, `client`, `key` or `claim:NAME`.
    pub caller: String,
    /// Callers with one of these roles reach everybody's objects.
    pub unless_roles: Vec<String>,
    /// What is done with a request for an object whose owner is not known.
    pub unknown: Unknown,
    /// Members that hold the id where an object stands in a response, most certain first.
    pub id_fields: Vec<String>,
}

/// Whose an object is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum ObjectOwnerPlan {
    /// The caller whose own value is the id.
    Id,
    /// The caller that a field of the response names.
    Response {
        /// The field, as a dotted path: `customer_id` or `data.owner.id`.
        field: String,
    },
    /// The caller who made it, or to whom a list returned it.
    Learned,
}

/// Fields that not every role may send or see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldRulePlan {
    /// Name in events.
    pub name: String,
    /// Operations it is about; all when absent.
    pub select: Option<OperationSelector>,
    /// Fields: `role` anywhere, `$.role` at the top, `user.role` or `items[*].cost` at one place.
    pub fields: Vec<String>,
    /// Roles that may send them; anybody may when absent.
    pub send: Option<Vec<String>>,
    /// Roles that may see them; anybody may when absent.
    pub see: Option<Vec<String>>,
}
