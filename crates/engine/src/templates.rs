//! Path templates as a tree of segments: a look-up costs the segments of the path, not the number of operations.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use smallvec::SmallVec;
use stockade_model::plan::ApiPlan;

use crate::PlanError;

/// A parsed path template (OpenAPI 3.1, 4.8.8.2), such as `/orders/{id}` or `/files/{name}.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// One parameter that is the whole segment.
    Parameter(String),
    /// Text around parameters: `literals` has one entry more than `names`.
    Mixed {
        literals: Vec<String>,
        names: Vec<String>,
    },
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// What was expected and what came.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("expected a template that begins with `/`, got `{text}`"));
        };
        let segments = rest.split('/').map(segment).collect::<Option<Vec<_>>>();
        let template = Self {
            segments: segments
                .ok_or_else(|| format!("expected `{{name}}` with text between two names, got `{text}`"))?,
        };
        let names = template.names();
        if names.iter().collect::<BTreeSet<_>>().len() != names.len() {
            return Err(format!("expected each parameter once, got `{text}`"));
        }
        Ok(template)
    }

    /// Names of its parameters, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for segment in &self.segments {
            match segment {
                Segment::Literal(_) => {}
                Segment::Parameter(name) => names.push(name.clone()),
                Segment::Mixed { names: inner, .. } => names.extend(inner.iter().cloned()),
            }
        }
        names
    }
}

fn segment(text: &str) -> Option<Segment> {
    let (mut literals, mut names) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}')?;
        // Two parameters that touch have no one way to be told apart.
        if name.is_empty() || name.contains('{') || before.contains('}') || (before.is_empty() && !names.is_empty()) {
            return None;
        }
        literals.push(before.to_owned());
        names.push(name.to_owned());
        rest = tail;
    }
    if rest.contains('}') {
        return None;
    }
    if names.is_empty() {
        // Literals are compared with canonical paths, so they are brought into the same form.
        let canonical = stockade_model::CanonicalPath::parse(format!("/{text}").as_bytes()).ok()?;
        return Some(Segment::Literal(canonical.as_str().strip_prefix('/')?.to_owned()));
    }
    literals.push(rest.to_owned());
    if literals.iter().all(String::is_empty) {
        return names.pop().map(Segment::Parameter);
    }
    Some(Segment::Mixed { literals, names })
}

/// All templates of one API.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    literal: HashMap<String, usize, foldhash::quality::RandomState>,
    mixed: Vec<(Vec<String>, usize)>,
    parameter: Option<usize>,
    /// Methods that end here, with their operations.
    operations: Vec<(String, usize)>,
}

/// Values of path parameters as ranges of the path.
pub(crate) type Values = SmallVec<[Range<u32>; 4]>;

/// What was found for a path and a method.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The operation.
    pub(crate) operation: Option<usize>,
    /// Values of its path parameters, in the order of the template.
    pub(crate) values: Values,
    /// Whether some operation has this path.
    pub(crate) path_is_known: bool,
}

impl Templates {
    /// Builds the tree for one API.
    ///
    /// # Errors
    /// Two operations with the same method on templates that always fit together.
    pub(crate) fn new(plan: &ApiPlan) -> Result<Self, PlanError> {
        let mut tree = Self { nodes: vec![Node::default()] };
        for (place, operation) in plan.operations.iter().enumerate() {
            let setting = || format!("apis.{}.operations.{}.path", plan.name, operation.id);
            let template = Template::parse(&operation.path).map_err(|problem| PlanError::new(setting(), problem))?;
            let node = template.segments.iter().fold(0, |node, segment| tree.step(node, segment));
            let Some(node) = tree.nodes.get_mut(node) else { continue };
            if node.operations.iter().any(|(method, _)| *method == operation.method) {
                return Err(PlanError::new(
                    setting(),
                    format!("another operation already has {} on a template of this shape", operation.method),
                ));
            }
            node.operations.push((operation.method.clone(), place));
        }
        Ok(tree)
    }

    fn step(&mut self, node: usize, segment: &Segment) -> usize {
        let next = self.nodes.len();
        let Some(here) = self.nodes.get_mut(node) else { return node };
        let child = match segment {
            Segment::Literal(text) => *here.literal.entry(text.clone()).or_insert(next),
            Segment::Parameter(_) => *here.parameter.get_or_insert(next),
            Segment::Mixed { literals, .. } => match here.mixed.iter().find(|(known, _)| known == literals) {
                Some((_, child)) => *child,
                None => {
                    here.mixed.push((literals.clone(), next));
                    // More text around the parameters is the more specific template.
                    let text = |literals: &[String]| literals.iter().map(String::len).sum::<usize>();
                    here.mixed.sort_by_key(|(literals, _)| std::cmp::Reverse(text(literals)));
                    next
                }
            },
        };
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }

    /// The operation for `path` below a base path of `base` bytes.
    pub(crate) fn find(&self, path: &str, base: usize, method: &str) -> Found {
        let mut found = Found::default();
        let start = if base <= 1 { 0 } else { base };
        let Some(rest) = path.get(start..).and_then(|rest| rest.strip_prefix('/')) else { return found };
        let mut search = Search { tree: self, path, method, found: &mut found, head: None };
        search.walk(0, path.len() - rest.len(), &mut Values::new());
        let head = search.head.take();
        if found.operation.is_none()
            && let Some((operation, values)) = head
        {
            found.operation = Some(operation);
            found.values = values;
        }
        found
    }

    /// The methods declared for `path`, for the `Allow` field.
    pub(crate) fn allow(&self, path: &str, base: usize) -> String {
        let mut methods = BTreeSet::new();
        for (method, _) in self.nodes.iter().flat_map(|node| &node.operations) {
            if self.find(path, base, method).operation.is_some() {
                methods.insert(method.as_str());
            }
        }
        if methods.contains("GET") {
            methods.insert("HEAD");
        }
        methods.into_iter().collect::<Vec<_>>().join(", ")
    }
}

/// One look-up. Each node of the tree is visited at most once, so the caller cannot make it slow.
struct Search<'a> {
    tree: &'a Templates,
    path: &'a str,
    method: &'a str,
    found: &'a mut Found,
    /// GET's operation for a HEAD request, taken when no template declares HEAD itself.
    head: Option<(usize, Values)>,
}

impl Search<'_> {
    /// `from` is where the next segment begins. Returns whether the search is over.
    fn walk(&mut self, node: usize, from: usize, values: &mut Values) -> bool {
        let Some(node) = self.tree.nodes.get(node) else { return false };
        if from > self.path.len() {
            return self.end(node, values);
        }
        let rest = self.path.get(from..).unwrap_or_default();
        let segment = rest.split('/').next().unwrap_or(rest);
        let next = from + segment.len() + 1;
        if let Some(child) = node.literal.get(segment)
            && self.walk(*child, next, values)
        {
            return true;
        }
        let kept = values.len();
        for (literals, child) in &node.mixed {
            if split_mixed(segment, from, literals, values) && self.walk(*child, next, values) {
                return true;
            }
            values.truncate(kept);
        }
        // An empty segment is no value: `/orders/` is not `/orders/{id}`.
        if let Some(child) = node.parameter
            && !segment.is_empty()
        {
            values.push(range(from, from + segment.len()));
            if self.walk(child, next, values) {
                return true;
            }
            values.truncate(kept);
        }
        false
    }

    fn end(&mut self, node: &Node, values: &Values) -> bool {
        self.found.path_is_known |= !node.operations.is_empty();
        for (method, operation) in &node.operations {
            if *method == self.method {
                self.found.operation = Some(*operation);
                self.found.values.clone_from(values);
                return true;
            }
            if self.method == "HEAD" && method == "GET" && self.head.is_none() {
                self.head = Some((*operation, values.clone()));
            }
        }
        false
    }
}

/// Splits `segment`, which begins at `from`, around `literals`; values are never empty. Earliest match for each literal.
fn split_mixed(segment: &str, from: usize, literals: &[String], values: &mut Values) -> bool {
    let Some((first, others)) = literals.split_first() else { return false };
    let Some(mut rest) = segment.strip_prefix(first.as_str()) else { return false };
    let mut at = from + first.len();
    for (place, literal) in others.iter().enumerate() {
        let value = if place + 1 == others.len() {
            let Some(value) = rest.strip_suffix(literal.as_str()) else { return false };
            value
        } else {
            let Some((value, _)) = rest.split_once(literal.as_str()) else { return false };
            value
        };
        if value.is_empty() {
            return false;
        }
        values.push(range(at, at + value.len()));
        at += value.len() + literal.len();
        rest = rest.get(value.len() + literal.len()..).unwrap_or_default();
    }
    true
}

fn range(start: usize, end: usize) -> Range<u32> {
    u32::try_from(start).unwrap_or(u32::MAX)..u32::try_from(end).unwrap_or(u32::MAX)
}
