//! What a rule looks at and how that is changed first. Rules that look at the same in the same way share one view, and
//! with it the work.

use smallvec::SmallVec;
use stockade_model::plan::SecLangTarget;

use super::collection;
use super::pattern::Pattern;
use crate::bytes::ByteSet;
use crate::collections::Collection;
use crate::transformations::Transformation;

/// What makes views equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) targets: Vec<SecLangTarget>,
    pub(crate) transformations: Vec<String>,
    pub(crate) multi: bool,
    pub(crate) group: usize,
}

/// One view.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) targets: Targets,
    pub(crate) pipeline: SmallVec<[Transformation; 8]>,
    /// Bytes of which a value must hold one to be changed by any of the pipeline; `None` when any value may be.
    pub(crate) trigger: Option<ByteSet>,
    /// The operator sees the value after each transformation.
    pub(crate) multi: bool,
    /// Group of phases it is looked at in.
    pub(crate) group: usize,
    /// Whether it changes only between phases.
    pub(crate) fixed: bool,
    /// Whether some operator that looks at it can be spared by the search for texts.
    pub(crate) searched: bool,
}

impl View {
    pub(super) fn new(key: &Key) -> Result<Self, String> {
        let targets = Targets::new(&key.targets)?;
        let pipeline = key
            .transformations
            .iter()
            .map(|name| Transformation::named(name).ok_or_else(|| format!("expected a transformation, got `{name}`")))
            .collect::<Result<SmallVec<[Transformation; 8]>, _>>()?;
        let trigger = pipeline.iter().try_fold(ByteSet::EMPTY, |all, one| Some(all.with(one.triggers()?)));
        let fixed = targets.include.iter().all(|target| target.collection.is_fixed() && !target.count);
        Ok(Self { targets, pipeline, trigger, multi: key.multi, group: key.group, fixed, searched: false })
    }
}

impl View {
    /// Whether it asks whether the body could be read.
    pub(super) fn asks_for_body_errors(&self) -> bool {
        self.targets
            .include
            .iter()
            .any(|target| matches!(target.collection, Collection::ReqbodyError | Collection::ReqbodyProcessorError))
    }
}

/// What is looked at and what is left out.
#[derive(Debug)]
pub(crate) struct Targets {
    pub(crate) include: Vec<Target>,
    pub(crate) exclude: Vec<Target>,
}

/// One variable, or keys of one collection.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) collection: Collection,
    pub(crate) keys: Keys,
    pub(crate) count: bool,
}

/// Which keys.
#[derive(Debug)]
pub(crate) enum Keys {
    All,
    One(Box<[u8]>),
    Like(Pattern),
}

impl Keys {
    /// Whether a key is one of them; keys are compared without regard to case.
    pub(crate) fn fit(&self, key: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::One(wanted) => wanted.eq_ignore_ascii_case(key),
            Self::Like(pattern) => pattern.is_match(key),
        }
    }
}

impl Targets {
    pub(super) fn new(plan: &[SecLangTarget]) -> Result<Self, String> {
        let (mut include, mut exclude) = (Vec::new(), Vec::new());
        for target in plan {
            let keys = match (&target.key, &target.pattern) {
                (Some(key), _) => Keys::One(key.as_bytes().into()),
                (None, Some(pattern)) => {
                    let (pattern, _) = Pattern::new(pattern)
                        .map_err(|problem| format!("expected a pattern for keys, got `{pattern}`: {problem}"))?;
                    Keys::Like(pattern)
                }
                (None, None) => Keys::All,
            };
            let list = if target.exclude { &mut exclude } else { &mut include };
            list.push(Target { collection: collection(&target.collection)?, keys, count: target.count });
        }
        Ok(Self { include, exclude })
    }

    /// Whether a value of `collection` under `key` is left out.
    pub(crate) fn leave_out(&self, collection: Collection, key: &[u8]) -> bool {
        self.exclude.iter().any(|target| target.covers(collection) && target.keys.fit(key))
    }
}

impl Target {
    /// Whether leaving out this collection leaves out one that was asked for as `asked`.
    pub(crate) fn covers(&self, asked: Collection) -> bool {
        self.collection == asked
            || match self.collection {
                Collection::Args => matches!(asked, Collection::ArgsGet | Collection::ArgsPost),
                Collection::ArgsNames => matches!(asked, Collection::ArgsGetNames | Collection::ArgsPostNames),
                _ => false,
            }
    }
}
