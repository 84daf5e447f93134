//! From the plan to what is run: every pattern checked, every distinct pair of targets and transformations numbered, one
//! search built for the texts of all patterns.

mod grams;
mod literals;
pub(crate) mod pattern;
pub(crate) mod prefilter;
mod rule;
pub(crate) mod view;

use std::collections::HashMap;

use stockade_model::plan::{SecLangEngine, SecLangPlan};

pub(crate) use self::rule::{Change, Choice, Effect, Link, Piece, Rule, Text, What};
use self::view::{Targets, View};
use crate::collections::Collection;
use prefilter::Prefilter;

/// Why a plan cannot be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// `file:line` of the rule.
    pub place: String,
    /// What was expected and what came.
    pub problem: String,
}

/// Settings of a rule set.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) engine: SecLangEngine,
    pub(crate) request_body: bool,
    pub(crate) request_body_limit: usize,
    pub(crate) no_files_limit: usize,
    pub(crate) request_body_refuse: bool,
    pub(crate) response_body: bool,
    pub(crate) response_body_limit: usize,
    pub(crate) response_body_refuse: bool,
    pub(crate) response_media_types: Vec<String>,
    pub(crate) json_depth: u32,
    pub(crate) arguments: usize,
    pub(crate) separator: u8,
    pub(crate) upload_files: usize,
    pub(crate) collection_timeout_s: u32,
    pub(crate) unicode_map: Vec<[u16; 2]>,
}

/// Phases of the request, and those after it: each group has its own search.
pub(crate) const GROUPS: usize = 2;

/// The group that a phase (0 to 4) belongs to.
pub(crate) const fn group_of(phase: usize) -> usize {
    if phase < 2 { 0 } else { 1 }
}

/// A rule set, ready to run; shared by all workers.
#[derive(Debug)]
pub struct RuleSet {
    pub(crate) settings: Settings,
    pub(crate) files: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) phases: Vec<Vec<Rule>>,
    pub(crate) views: Vec<View>,
    pub(crate) prefilters: [Prefilter; GROUPS],
    pub(crate) count: u32,
    /// Whether some rule asks whether a body could be read.
    pub(crate) asks_for_body_errors: bool,
}

impl RuleSet {
    /// Compiles a plan.
    ///
    /// # Errors
    /// The first rule that cannot be run, with its place.
    pub fn new(plan: &SecLangPlan) -> Result<Self, CompileError> {
        let mut compiler = Compiler::default();
        let mut phases = Vec::with_capacity(5);
        if plan.phases.len() != 5 {
            return Err(CompileError { place: String::new(), problem: "expected five phases".to_owned() });
        }
        let mut count = 0_u32;
        for (phase, rules) in plan.phases.iter().enumerate() {
            let mut compiled = Vec::with_capacity(rules.len());
            for rule in rules {
                compiled.push(rule::compile(&mut compiler, plan, rule, phase, count)?);
                count += 1;
            }
            phases.push(compiled);
        }
        let Compiler { views, builders, .. } = compiler;
        let [request, response] = builders;
        let mut map = plan.unicode_map.clone();
        map.sort_unstable();
        let bytes = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(Self {
            settings: Settings {
                engine: plan.engine,
                request_body: plan.request_body,
                request_body_limit: bytes(plan.request_body_limit),
                no_files_limit: bytes(plan.request_body_no_files_limit),
                request_body_refuse: plan.request_body_refuse,
                response_body: plan.response_body,
                response_body_limit: bytes(plan.response_body_limit),
                response_body_refuse: plan.response_body_refuse,
                response_media_types: plan.response_media_types.clone(),
                json_depth: plan.json_depth,
                arguments: plan.arguments as usize,
                separator: u8::try_from(plan.argument_separator).unwrap_or(b'&'),
                upload_files: plan.upload_files as usize,
                collection_timeout_s: plan.collection_timeout_s,
                unicode_map: map,
            },
            files: plan.files.clone(),
            tags: plan.tags.clone(),
            phases,
            asks_for_body_errors: views.iter().any(view::View::asks_for_body_errors),
            views,
            prefilters: [request.build(), response.build()],
            count,
        })
    }

    /// How many rules there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no rule.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether rules are run at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.settings.engine != SecLangEngine::Off
    }

    /// Bytes of a request body that are to be read for the rules; 0 when bodies are not read.
    #[must_use]
    pub fn request_body_bytes(&self) -> usize {
        if self.is_on() && self.settings.request_body { self.settings.request_body_limit } else { 0 }
    }

    /// Bytes of an answer of this media type that are to be read for the rules; 0 for none.
    #[must_use]
    pub fn response_body_bytes(&self, media_type: Option<&str>) -> usize {
        let settings = &self.settings;
        let named = media_type.is_some_and(|kind| settings.response_media_types.iter().any(|known| known == kind));
        if self.is_on() && settings.response_body && named { settings.response_body_limit } else { 0 }
    }

    /// Builds every pattern now instead of when it is first needed.
    pub fn warm(&self) {
        for rule in self.phases.iter().flatten() {
            for link in &rule.links {
                if let Some(crate::operators::Operator::Pattern(pattern)) = &link.operator {
                    pattern.build();
                }
            }
        }
    }
}

/// What compiling gathers.
#[derive(Debug, Default)]
pub(crate) struct Compiler {
    views: Vec<View>,
    view_index: HashMap<view::Key, u32>,
    builders: [prefilter::Builder; GROUPS],
    patterns: HashMap<(usize, String), u32>,
}

impl Compiler {
    /// The number of a view, shared by all rules that look at the same in the same way.
    fn view(&mut self, key: view::Key) -> Result<u32, String> {
        if let Some(known) = self.view_index.get(&key) {
            return Ok(*known);
        }
        let view = View::new(&key)?;
        let number = u32::try_from(self.views.len()).unwrap_or(u32::MAX);
        self.views.push(view);
        self.view_index.insert(key, number);
        Ok(number)
    }

    /// Notes that some operator that looks at a view has a test in the search.
    fn is_searched(&mut self, view: Option<u32>) {
        if let Some(view) = view.and_then(|number| self.views.get_mut(number as usize)) {
            view.searched = true;
        }
    }

    /// The number of a test in the search of its group; equal patterns share one.
    fn test(&mut self, group: usize, name: String, texts: Option<Vec<Vec<u8>>>) -> Option<u32> {
        let builder = self.builders.get_mut(group)?;
        let texts = texts?;
        Some(*self.patterns.entry((group, name)).or_insert_with(|| builder.add(Some(texts))))
    }
}

/// The collection of that name.
pub(crate) fn collection(name: &str) -> Result<Collection, String> {
    Collection::named(name).ok_or_else(|| format!("expected a variable, got `{name}`"))
}

/// Targets as the plan has them.
pub(crate) fn targets(plan: &[stockade_model::plan::SecLangTarget]) -> Result<Targets, String> {
    Targets::new(plan)
}
