//! What rules look at in a caller.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use stockade_model::Identity;
use stockade_model::plan::RoleGrantPlan;

use crate::Record;

/// Longest value that is kept as it is; a longer one stands as its SHA-256.
const LONGEST: usize = 128;

/// One thing that was proven about a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proven {
    /// Subject.
    Subject,
    /// OAuth client.
    Client,
    /// Id of the key.
    Key,
    /// Name of the method of identity.
    Method,
    /// Roles.
    Role,
    /// Scopes.
    Scope,
    /// A claim that config says to keep; a list is each of its values.
    Claim(String),
}

impl Proven {
    /// Reads its name.
    ///
    /// # Errors
    /// What was expected and what came.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "subject" => Self::Subject,
            "client" => Self::Client,
            "key" => Self::Key,
            "method" => Self::Method,
            "role" => Self::Role,
            "scope" => Self::Scope,
            _ => match name.strip_prefix("claim:") {
                Some(claim) if !claim.is_empty() => Self::Claim(claim.to_owned()),
                _ => {
                    return Err(format!(
                        "expected `subject`, `client`, `key`, `method`, `role`, `scope` or `claim:NAME`, got `{name}`"
                    ));
                }
            },
        })
    }

    /// Its values for one caller; none when it was not proven.
    pub(crate) fn values(&self, identity: &Identity) -> Vec<String> {
        let one = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(shortened).into_iter().collect();
        match self {
            Self::Subject => one(Some(&identity.subject)),
            Self::Client => one(identity.client.as_deref()),
            Self::Key => one(identity.key.as_deref()),
            Self::Method => one(Some(&identity.method)),
            Self::Role => identity.roles.iter().map(|role| shortened(role)).collect(),
            Self::Scope => identity.scopes.iter().map(|scope| shortened(scope)).collect(),
            Self::Claim(name) => match identity.claims.get(name) {
                Some(Value::Array(values)) => values.iter().filter_map(plain).map(|text| shortened(&text)).collect(),
                Some(value) => plain(value).map(|text| shortened(&text)).into_iter().collect(),
                None => Vec::new(),
            },
        }
    }
}

/// Text, a number or a truth value as text, so that `3` in a token and `"3"` in a body are the same owner.
pub(crate) fn plain(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        _ => None,
    }
}

/// A value in a form that is never long.
pub(crate) fn shortened(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().fold("sha256:".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Gives a role to callers of whom something was proven.
#[derive(Debug)]
pub(crate) struct Grant {
    role: String,
    from: Proven,
    is: String,
}

impl Grant {
    /// Compiles a grant.
    ///
    /// # Errors
    /// What was expected and what came.
    pub(crate) fn new(plan: &RoleGrantPlan) -> Result<Self, String> {
        Ok(Self { role: plan.role.clone(), from: Proven::parse(&plan.from)?, is: shortened(&plan.is) })
    }

    fn fits(&self, identity: &Identity) -> bool {
        !identity.roles.contains(&self.role) && self.from.values(identity).contains(&self.is)
    }
}

/// Adds the roles that `grants` give, in their order; the identity is shared with a cache, so it is copied then.
pub(crate) fn grant(grants: &[Grant], record: &mut Record) {
    let Some(identity) = &mut record.identity else { return };
    for grant in grants {
        if grant.fits(identity) {
            Arc::make_mut(identity).roles.push(grant.role.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_claims_are_texts_and_lists_are_each_of_theirs() {
        let mut identity = Identity { subject: "7".to_owned(), ..Identity::default() };
        identity.claims.insert("groups".to_owned(), serde_json::json!(["a", 7, true, null, {"b": 1}]));
        identity.claims.insert("tenant".to_owned(), serde_json::json!(42));
        assert_eq!(Proven::parse("claim:groups").unwrap().values(&identity), ["a", "7", "true"]);
        assert_eq!(Proven::parse("claim:tenant").unwrap().values(&identity), ["42"]);
        assert_eq!(Proven::Client.values(&identity), Vec::<String>::new());
        assert!(Proven::parse("claim:").is_err() && Proven::parse("ip").is_err());
        assert!(shortened(&"x".repeat(5000)).len() < 80);
    }
}
