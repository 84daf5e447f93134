//! SecLang rules, compiled: what `python/stockade/prevent/seclang` writes and `crates/seclang` runs.
//!
//! What Python resolved already: includes, defaults, updates, markers (as indexes into the phase), data files.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A rule set with its settings. Names and defaults are those of ModSecurity's directives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecLangPlan {
    /// `SecRuleEngine`.
    pub engine: SecLangEngine,
    /// `SecRequestBodyAccess`.
    pub request_body: bool,
    /// `SecRequestBodyLimit`, bytes.
    pub request_body_limit: u64,
    /// `SecRequestBodyNoFilesLimit`, bytes.
    pub request_body_no_files_limit: u64,
    /// `SecRequestBodyLimitAction Reject`.
    pub request_body_refuse: bool,
    /// `SecResponseBodyAccess`.
    pub response_body: bool,
    /// `SecResponseBodyLimit`, bytes.
    pub response_body_limit: u64,
    /// `SecResponseBodyLimitAction Reject`.
    pub response_body_refuse: bool,
    /// `SecResponseBodyMimeType`, lower case.
    pub response_media_types: Vec<String>,
    /// `SecRequestBodyJsonDepthLimit`.
    pub json_depth: u32,
    /// `SecArgumentsLimit`.
    pub arguments: u32,
    /// `SecArgumentSeparator`, one ASCII character.
    pub argument_separator: char,
    /// `SecUploadFileLimit`.
    pub upload_files: u32,
    /// `SecCollectionTimeout`, seconds.
    pub collection_timeout_s: u32,
    /// `SecUnicodeMapFile`: code point and the byte it is read as.
    pub unicode_map: Vec<[u16; 2]>,
    /// Names of the files that rules stand in.
    pub files: Vec<String>,
    /// Tags, by their number.
    pub tags: Vec<String>,
    /// The rules of phases 1 to 5, in order.
    pub phases: Vec<Vec<SecLangRule>>,
}

/// A match that is let pass: all that is named must fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecLangException {
    /// Operation id; any when absent.
    pub operation: Option<String>,
    /// Id of the rule; any when absent.
    pub rule: Option<u64>,
    /// Variable as matches name it, such as `ARGS:note`; any when absent. A part `*` of a key stands for any index.
    pub variable: Option<String>,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// `SecRuleEngine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecLangEngine {
    /// Rules refuse.
    On,
    /// Rules only tell.
    DetectionOnly,
    /// Rules are not run.
    Off,
}

/// One rule with its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecLangRule {
    /// `id`.
    pub id: u64,
    /// Index into `files`.
    pub file: u32,
    /// Line of its first directive, from 1.
    pub line: u32,
    /// `msg`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub msg: Vec<SecLangPart>,
    /// `logdata`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logdata: Vec<SecLangPart>,
    /// `severity`, 0 (emergency) to 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<u8>,
    /// `tag`, as indexes into `tags`.
    pub tags: Vec<u32>,
    /// `rev`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rev: Option<String>,
    /// `ver`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ver: Option<String>,
    /// `maturity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maturity: Option<String>,
    /// `accuracy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<String>,
    /// What becomes of the request; `block` is resolved.
    pub disruptive: SecLangDisruptive,
    /// Whether a match is told.
    pub log: bool,
    /// Whether a match makes the transaction worth an audit.
    pub audit: bool,
    /// `skipAfter`: index of the rule of this phase that goes on after a match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_to: Option<u32>,
    /// `skip`: rules of this phase left out after a match.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip: u32,
    /// The rule itself and the links of its chain; at least one.
    pub links: Vec<SecLangLink>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// One test of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecLangLink {
    /// Line of its directive, from 1.
    pub line: u32,
    /// What it looks at; empty for `SecAction`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<SecLangTarget>,
    /// How that is judged; absent for `SecAction`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<SecLangOperator>,
    /// `t`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transformations: Vec<String>,
    /// `multiMatch`: the operator sees the value after each transformation.
    #[serde(default, skip_serializing_if = "is_false")]
    pub multi_match: bool,
    /// `capture`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub capture: bool,
    /// What a match changes, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<SecLangEffect>,
}

/// One variable of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecLangTarget {
    /// Name in upper case, such as `ARGS`.
    pub collection: String,
    /// Key in lower case; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Pattern that keys must fit, instead of a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// `!`: left out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub exclude: bool,
    /// `&`: their number.
    #[serde(default, skip_serializing_if = "is_false")]
    pub count: bool,
}

/// One operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecLangOperator {
    /// Name in its usual spelling, without `@`.
    pub name: String,
    /// `!`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub negated: bool,
    /// Argument, where it is one text or pattern.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argument: Vec<SecLangPart>,
    /// Argument, where it is a list: phrases, networks, byte ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SecLangPart {
    /// As written.
    Text(String),
    /// Filled in when it is needed.
    Macro {
        /// Name in upper case.
        collection: String,
        /// Key in lower case.
        key: Option<String>,
    },
}

/// What becomes of a request that a rule matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SecLangDisruptive {
    /// Nothing.
    Pass,
    /// It is refused.
    Deny {
        /// Status for the caller.
        status: u16,
    },
    /// It is refused and the connection closed.
    Drop,
    /// It is answered with a place to go to.
    Redirect {
        /// Status for the caller, 3xx.
        status: u16,
        /// `Location`.
        location: Vec<SecLangPart>,
    },
    /// Rules that follow are not run.
    Allow {
        /// How many of them.
        scope: SecLangScope,
    },
}

/// How far `allow` reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecLangScope {
    /// This phase.
    Phase,
    /// The phases of the request.
    Request,
    /// All phases but logging.
    Transaction,
}

/// What a match changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SecLangEffect {
    /// `setvar`, `setenv`.
    Set {
        /// Collection in upper case.
        collection: String,
        /// Key.
        key: Vec<SecLangPart>,
        /// `=`, `+` or `-`.
        change: char,
        /// Value.
        value: Vec<SecLangPart>,
    },
    /// `setvar:!...`
    Unset {
        /// Collection in upper case.
        collection: String,
        /// Key.
        key: Vec<SecLangPart>,
    },
    /// `expirevar`
    Expire {
        /// Collection in upper case.
        collection: String,
        /// Key.
        key: Vec<SecLangPart>,
        /// Seconds from now.
        seconds: Vec<SecLangPart>,
    },
    /// `initcol`, `setsid`, `setuid`, `setrsc`
    OpenCollection {
        /// Collection in upper case.
        collection: String,
        /// Which one of that kind.
        key: Vec<SecLangPart>,
    },
    /// `sanitise...`
    Sanitise {
        /// `arg`, `matched`, `matchedbytes`, `requestheader` or `responseheader`.
        what: String,
        /// Which one, in lower case.
        key: String,
    },
    /// `ctl:ruleEngine`
    Engine {
        /// Mode from here on.
        mode: SecLangEngine,
    },
    /// `ctl:requestBodyProcessor`
    BodyProcessor {
        /// `URLENCODED`, `MULTIPART`, `XML` or `JSON`.
        name: String,
    },
    /// `ctl:requestBodyAccess`, `ctl:responseBodyAccess`
    BodyAccess {
        /// `request` or `response`.
        which: String,
        /// Whether it is read.
        on: bool,
    },
    /// `ctl:forceRequestBodyVariable`
    ForceBodyVariable {
        /// Whether `REQUEST_BODY` is filled.
        on: bool,
    },
    /// `ctl:auditEngine`
    Audit {
        /// Whether the transaction may be audited.
        on: bool,
    },
    /// `ctl:requestBodyLimit`, `ctl:responseBodyLimit`
    BodyLimit {
        /// `request` or `response`.
        which: String,
        /// Bytes.
        bytes: u64,
    },
    /// `ctl:ruleRemoveById`, `...ByTag`, `...ByMsg`
    Remove {
        /// Ranges of ids.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ids: Vec<[u64; 2]>,
        /// Pattern of a tag.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
        /// Pattern of a message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        msg: Option<String>,
    },
    /// `ctl:ruleRemoveTargetById`, `...ByTag`, `...ByMsg`
    RemoveTargets {
        /// Ranges of ids.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ids: Vec<[u64; 2]>,
        /// Pattern of a tag.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
        /// Pattern of a message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        msg: Option<String>,
        /// What is no longer looked at.
        targets: Vec<SecLangTarget>,
    },
}
