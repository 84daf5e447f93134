//! What the stage cannot know by itself: asked of the gateway, which asks whoever knows, and calls again with the answer.

use serde_json::Value;
use stockade_model::Secret;

/// A question, and how long its answer may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookUp {
    /// What has to be known.
    pub wanted: Wanted,
    /// Longest wait, ms; after it the stage decides by its fail mode.
    pub wait_ms: u32,
}

/// What has to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Whether a password is the one behind a hash: see [`crate::is_password`]. Asked of nobody else, but too slow for
    /// the thread that serves others meanwhile.
    Password {
        /// The hash in PHC form.
        hash: String,
        /// What the caller sent.
        password: Secret,
    },
    /// What the server that issued a token says of it (RFC 7662 2.2). Asked of control.
    Token {
        /// API, by its name in config.
        api: String,
        /// Method, by its name in config.
        method: String,
        /// The token.
        token: Secret,
    },
    /// Keys with an id that the key set at hand does not have (RFC 7517 4.5). Asked of control.
    Keys {
        /// API, by its name in config.
        api: String,
        /// Method, by its name in config.
        method: String,
        /// The id; empty for all keys, when a token names none.
        key: String,
    },
}

/// The answer to a [`LookUp`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookedUp {
    /// Whether the password is right.
    Password(bool),
    /// The server's answer about the token.
    Token(Value),
    /// A JWK Set; empty when there is no such key.
    Keys(Value),
}
