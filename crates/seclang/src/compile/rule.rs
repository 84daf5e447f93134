//! One rule with its chain, compiled.

use std::sync::OnceLock;

use stockade_model::Cidr;
use stockade_model::plan::{
    SecLangDisruptive, SecLangEffect, SecLangEngine, SecLangLink, SecLangOperator, SecLangPart, SecLangPlan,
    SecLangRule, SecLangScope,
};

use super::literals::Required;
use super::pattern::Pattern;
use super::view::{self, Targets};
use super::{CompileError, Compiler, collection, group_of};
use crate::bytes::ByteSet;
use crate::collections::Collection;
use crate::operators::{Checksum, Comparison, Filled, Operator, Phrases, TextTest};

/// A text with what is filled in.
pub(crate) type Text = Vec<Piece>;

/// A piece of a text.
#[derive(Debug)]
pub(crate) enum Piece {
    Text(Box<[u8]>),
    Variable(Collection, Option<Box<[u8]>>),
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Choice {
    Pass,
    Deny(u16),
    Drop,
    Redirect(u16, Text),
    Allow(SecLangScope),
}

/// One rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: u64,
    /// Its number among all rules.
    pub(crate) number: u32,
    pub(crate) file: u32,
    pub(crate) line: u32,
    pub(crate) msg: Text,
    pub(crate) logdata: Text,
    pub(crate) severity: Option<u8>,
    pub(crate) tags: Vec<u32>,
    pub(crate) rev: Option<String>,
    pub(crate) ver: Option<String>,
    pub(crate) maturity: Option<String>,
    pub(crate) accuracy: Option<String>,
    pub(crate) choice: Choice,
    pub(crate) log: bool,
    pub(crate) skip_to: Option<usize>,
    pub(crate) skip: usize,
    pub(crate) links: Vec<Link>,
}

/// One test of a chain.
#[derive(Debug)]
pub(crate) struct Link {
    /// What it looks at; `None` for an action.
    pub(crate) view: Option<u32>,
    pub(crate) operator: Option<Operator>,
    pub(crate) negated: bool,
    /// Argument of the operator where it is a text or number.
    pub(crate) argument: Text,
    /// Number of the test in the search; `None` when the operator must always be asked.
    pub(crate) test: Option<u32>,
    pub(crate) capture: bool,
    pub(crate) effects: Vec<Effect>,
    /// The operator as it is told to people.
    pub(crate) told: String,
}

/// How a variable is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Set,
    Add,
    Subtract,
}

/// Which rules.
#[derive(Debug)]
pub(crate) enum What {
    Ids(Vec<[u64; 2]>),
    Tag(Pattern),
    Message(Pattern),
}

/// The rules that are meant, a bit each; worked out when they are first needed, since that asks every tag.
pub(crate) type Chosen = OnceLock<Box<[u64]>>;

/// A collection that lasts between requests.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) collection: Collection,
    pub(crate) key: Text,
}

/// What a match changes.
#[derive(Debug)]
pub(crate) enum Effect {
    Set {
        collection: Collection,
        key: Text,
        change: Change,
        value: Text,
    },
    Unset {
        collection: Collection,
        key: Text,
    },
    Expire {
        collection: Collection,
        key: Text,
        seconds: Text,
    },
    Open(Opened),
    /// What matched is kept out of logs from here on.
    Sanitise,
    /// Nothing here.
    Nothing,
    Engine(SecLangEngine),
    Processor(&'static str),
    RequestBody(bool),
    ResponseBody(bool),
    ForceBody(bool),
    Limit {
        request: bool,
        bytes: usize,
    },
    Remove(What, Chosen),
    RemoveTargets(What, Targets, Chosen),
}

/// Compiles one rule.
pub(super) fn compile(
    compiler: &mut Compiler,
    plan: &SecLangPlan,
    rule: &SecLangRule,
    phase: usize,
    number: u32,
) -> Result<Rule, CompileError> {
    let file = plan.files.get(rule.file as usize).map_or("rules", String::as_str);
    let at = |line: u32, problem: String| CompileError { place: format!("{file}:{line}"), problem };
    let mut links = Vec::with_capacity(rule.links.len());
    for one in &rule.links {
        links.push(link(compiler, one, phase).map_err(|problem| at(one.line, problem))?);
    }
    if links.is_empty() || rule.tags.iter().any(|tag| *tag as usize >= plan.tags.len()) {
        return Err(at(rule.line, format!("expected rule {} to be whole", rule.id)));
    }
    let whole = || -> Result<Rule, String> {
        Ok(Rule {
            id: rule.id,
            number,
            file: rule.file,
            line: rule.line,
            msg: text(&rule.msg)?,
            logdata: text(&rule.logdata)?,
            severity: rule.severity,
            tags: rule.tags.clone(),
            rev: rule.rev.clone(),
            ver: rule.ver.clone(),
            maturity: rule.maturity.clone(),
            accuracy: rule.accuracy.clone(),
            choice: match &rule.disruptive {
                SecLangDisruptive::Pass => Choice::Pass,
                SecLangDisruptive::Deny { status } => Choice::Deny(*status),
                SecLangDisruptive::Drop => Choice::Drop,
                SecLangDisruptive::Redirect { status, location } => Choice::Redirect(*status, text(location)?),
                SecLangDisruptive::Allow { scope } => Choice::Allow(*scope),
            },
            log: rule.log,
            skip_to: rule.skip_to.map(|place| place as usize),
            skip: rule.skip as usize,
            links: Vec::new(),
        })
    };
    let mut compiled = whole().map_err(|problem| at(rule.line, problem))?;
    compiled.links = links;
    Ok(compiled)
}

fn link(compiler: &mut Compiler, plan: &SecLangLink, phase: usize) -> Result<Link, String> {
    let group = group_of(phase);
    let mut compiled = Link {
        view: None,
        operator: None,
        negated: false,
        argument: Vec::new(),
        test: None,
        capture: plan.capture,
        effects: plan.effects.iter().map(effect).collect::<Result<_, _>>()?,
        told: String::new(),
    };
    let Some(asked) = &plan.operator else { return Ok(compiled) };
    let (operator, texts) = operator(asked)?;
    compiled.told = told(asked);
    compiled.view = Some(compiler.view(view::Key {
        targets: plan.targets.clone(),
        transformations: plan.transformations.clone(),
        multi: plan.multi_match,
        group,
    })?);
    compiled.negated = asked.negated;
    if matches!(operator, Operator::Text(_) | Operator::Number(_) | Operator::Filled(_)) {
        compiled.argument = text(&asked.argument)?;
    }
    if !asked.negated {
        let name = match asked.items.as_slice() {
            [] => format!("rx {}", plain(&asked.argument)),
            items => format!("pm {}", items.join("\n")),
        };
        compiled.test = compiler.test(group, name, texts);
        compiler.is_searched(compiled.view.filter(|_| compiled.test.is_some()));
    }
    compiled.operator = Some(operator);
    Ok(compiled)
}

fn told(operator: &SecLangOperator) -> String {
    let argument: String = operator
        .argument
        .iter()
        .map(|part| match part {
            SecLangPart::Text(text) => text.clone(),
            SecLangPart::Macro { collection, key: None } => format!("%{{{collection}}}"),
            SecLangPart::Macro { collection, key: Some(key) } => format!("%{{{collection}.{key}}}"),
        })
        .collect();
    let argument = if argument.is_empty() { operator.items.join(" ") } else { argument };
    let cut: String = argument.chars().take(200).collect();
    format!("{}@{} {cut}", if operator.negated { "!" } else { "" }, operator.name)
}

fn plain(parts: &[SecLangPart]) -> String {
    parts.iter().map(|part| if let SecLangPart::Text(text) = part { text.as_str() } else { "" }).collect()
}

/// The operator, and the texts of which a value must hold one for it to match.
fn operator(plan: &SecLangOperator) -> Result<(Operator, Option<Required>), String> {
    let pattern = || {
        let source = plain(&plan.argument);
        Pattern::new(&source).map_err(|problem| format!("expected a pattern that can be run: {problem}"))
    };
    let verify = |checksum| pattern().map(|(pattern, texts)| (Operator::Verify(checksum, pattern), texts));
    let filled = plan.argument.iter().any(|part| matches!(part, SecLangPart::Macro { .. }));
    Ok(match plan.name.as_str() {
        "rx" | "rxGlobal" if filled => (Operator::Filled(Filled::new(plan.name == "rxGlobal")), None),
        "rx" => {
            let (pattern, texts) = pattern()?;
            (Operator::Pattern(pattern), texts)
        }
        "rxGlobal" => {
            let (pattern, texts) = pattern()?;
            (Operator::PatternGlobal(pattern), texts)
        }
        "pm" => {
            let phrases: Vec<Vec<u8>> = plan
                .items
                .iter()
                .map(|item| item.as_bytes().to_ascii_lowercase())
                .filter(|item| !item.is_empty())
                .collect();
            (Operator::Phrases(Phrases::new(phrases.clone())), Some(phrases))
        }
        "ipMatch" => {
            let networks = plan
                .items
                .iter()
                .map(|item| item.parse::<Cidr>().map_err(|_| format!("expected a network, got `{item}`")))
                .collect::<Result<_, _>>()?;
            (Operator::Networks(networks), None)
        }
        "validateByteRange" => (Operator::Bytes(byte_ranges(&plan.items)?), None),
        "beginsWith" => (Operator::Text(TextTest::BeginsWith), None),
        "contains" | "strmatch" => (Operator::Text(TextTest::Contains), None),
        "containsWord" => (Operator::Text(TextTest::ContainsWord), None),
        "endsWith" => (Operator::Text(TextTest::EndsWith), None),
        "streq" => (Operator::Text(TextTest::Equals), None),
        "within" => (Operator::Text(TextTest::Within), None),
        "eq" => (Operator::Number(Comparison::Equal), None),
        "ge" => (Operator::Number(Comparison::AtLeast), None),
        "gt" => (Operator::Number(Comparison::MoreThan), None),
        "le" => (Operator::Number(Comparison::AtMost), None),
        "lt" => (Operator::Number(Comparison::LessThan), None),
        "detectSQLi" => (Operator::Sql, None),
        "detectXSS" => (Operator::Script, None),
        "unconditionalMatch" => (Operator::Always, None),
        "noMatch" => (Operator::Never, None),
        "validateUrlEncoding" => (Operator::UrlEncoding, None),
        "validateUtf8Encoding" => (Operator::Utf8, None),
        "verifyCC" => verify(Checksum::Card)?,
        "verifySSN" => verify(Checksum::Ssn)?,
        "verifyCPF" => verify(Checksum::Cpf)?,
        "verifySVNR" => verify(Checksum::Svnr)?,
        other => return Err(format!("expected an operator, got `{other}`")),
    })
}

fn byte_ranges(items: &[String]) -> Result<ByteSet, String> {
    let mut set = ByteSet::EMPTY;
    for item in items {
        let bounds = item.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
        let Some((first, last)) = bounds else { return Err(format!("expected a range of bytes, got `{item}`")) };
        set = set.with(ByteSet::range(first, last));
    }
    Ok(set)
}

/// Compiles a text.
pub(super) fn text(parts: &[SecLangPart]) -> Result<Text, String> {
    parts
        .iter()
        .map(|part| match part {
            SecLangPart::Text(text) => Ok(Piece::Text(text.as_bytes().into())),
            SecLangPart::Macro { collection: name, key } => {
                Ok(Piece::Variable(collection(name)?, key.as_ref().map(|key| key.as_bytes().into())))
            }
        })
        .collect()
}

fn what(ids: &[[u64; 2]], tag: Option<&String>, msg: Option<&String>) -> Result<What, String> {
    let pattern = |source: &String| {
        Pattern::new(source).map(|(pattern, _)| pattern).map_err(|problem| format!("expected a pattern: {problem}"))
    };
    match (tag, msg) {
        (Some(tag), _) => Ok(What::Tag(pattern(tag)?)),
        (None, Some(msg)) => Ok(What::Message(pattern(msg)?)),
        (None, None) => Ok(What::Ids(ids.to_vec())),
    }
}

fn effect(plan: &SecLangEffect) -> Result<Effect, String> {
    Ok(match plan {
        SecLangEffect::Set { collection: name, key, change, value } => Effect::Set {
            collection: collection(name)?,
            key: text(key)?,
            change: match change {
                '+' => Change::Add,
                '-' => Change::Subtract,
                _ => Change::Set,
            },
            value: text(value)?,
        },
        SecLangEffect::Unset { collection: name, key } => {
            Effect::Unset { collection: collection(name)?, key: text(key)? }
        }
        SecLangEffect::Expire { collection: name, key, seconds } => {
            Effect::Expire { collection: collection(name)?, key: text(key)?, seconds: text(seconds)? }
        }
        SecLangEffect::OpenCollection { collection: name, key } => {
            Effect::Open(Opened { collection: collection(name)?, key: text(key)? })
        }
        SecLangEffect::Sanitise { .. } => Effect::Sanitise,
        SecLangEffect::Engine { mode } => Effect::Engine(*mode),
        SecLangEffect::BodyProcessor { name } => Effect::Processor(match name.as_str() {
            "URLENCODED" => "URLENCODED",
            "MULTIPART" => "MULTIPART",
            "XML" => "XML",
            "JSON" => "JSON",
            other => return Err(format!("expected a body processor, got `{other}`")),
        }),
        SecLangEffect::BodyAccess { which, on } if which == "request" => Effect::RequestBody(*on),
        SecLangEffect::BodyAccess { on, .. } => Effect::ResponseBody(*on),
        SecLangEffect::ForceBodyVariable { on } => Effect::ForceBody(*on),
        // There is no audit log to switch: every match stands in the event.
        SecLangEffect::Audit { .. } => Effect::Nothing,
        SecLangEffect::BodyLimit { which, bytes } => {
            Effect::Limit { request: which == "request", bytes: usize::try_from(*bytes).unwrap_or(usize::MAX) }
        }
        SecLangEffect::Remove { ids, tag, msg } => {
            Effect::Remove(what(ids, tag.as_ref(), msg.as_ref())?, Chosen::new())
        }
        SecLangEffect::RemoveTargets { ids, tag, msg, targets } => {
            // What is left out is told as what is left out, so that one function finds it.
            let out: Vec<_> = targets
                .iter()
                .map(|target| stockade_model::plan::SecLangTarget { exclude: true, ..target.clone() })
                .collect();
            Effect::RemoveTargets(what(ids, tag.as_ref(), msg.as_ref())?, super::targets(&out)?, Chosen::new())
        }
    })
}
