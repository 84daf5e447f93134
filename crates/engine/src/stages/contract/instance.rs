//! How values are shown to the validator of an API: beside its key, which says what schema is meant.
//!
//! One validator holds all schemas of an API, so that what several operations share is compiled once. Its root has a
//! property for each schema, and a value is shown to it as the only member of an object, without being moved or copied.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object};
use serde_json::{Map, Number, Value};

/// The representation.
pub(crate) struct Instances;

/// A value, or an object with one member that stands nowhere.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Instance<'a> {
    /// `{key: value}`.
    Of { key: &'a str, value: &'a Value },
    /// A value as it is.
    Plain(&'a Value),
}

/// The members of an object.
pub(crate) enum Members<'a> {
    One(&'a str, &'a Value),
    Map(&'a Map<String, Value>),
}

/// Goes over members.
pub(crate) enum MembersIter<'a> {
    One(Option<(&'a str, &'a Value)>),
    Map(serde_json::map::Iter<'a>),
}

/// The elements of a list.
pub(crate) struct Elements<'a>(&'a [Value]);

/// Goes over elements.
pub(crate) struct ElementsIter<'a>(std::slice::Iter<'a, Value>);

impl Json for Instances {
    type Node<'a> = Instance<'a>;
    type PreparedKey = String;
    type StringBuffer = ();

    const KEYS_PER_LOOKUP: usize = 2;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Instance<'_>) -> T) -> T {
        f(Instance::Plain(&Value::String(string.to_owned())))
    }
}

impl<'a> Node<'a, Instances> for Instance<'a> {
    type Object = Members<'a>;
    type Array = Elements<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<Members<'a>> {
        match *self {
            Self::Of { key, value } => Some(Members::One(key, value)),
            Self::Plain(Value::Object(map)) => Some(Members::Map(map)),
            Self::Plain(_) => None,
        }
    }

    fn as_array(&self) -> Option<Elements<'a>> {
        match *self {
            Self::Plain(Value::Array(items)) => Some(Elements(items)),
            _ => None,
        }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match *self {
            Self::Plain(Value::String(text)) => Some(Cow::Borrowed(text)),
            _ => None,
        }
    }

    fn as_number(&self) -> Option<&'a Number> {
        match *self {
            Self::Plain(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match *self {
            Self::Plain(Value::Bool(truth)) => Some(*truth),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::Plain(Value::Null))
    }

    fn json_type(&self) -> JsonType {
        match self {
            Self::Of { .. } | Self::Plain(Value::Object(_)) => JsonType::Object,
            Self::Plain(Value::Null) => JsonType::Null,
            Self::Plain(Value::Bool(_)) => JsonType::Boolean,
            Self::Plain(Value::Number(_)) => JsonType::Number,
            Self::Plain(Value::String(_)) => JsonType::String,
            Self::Plain(Value::Array(_)) => JsonType::Array,
        }
    }

    fn string_length_within(&self, min: u64, max: u64) -> Option<bool> {
        let Self::Plain(Value::String(text)) = self else { return None };
        // A character takes one to four bytes: most lengths are decided without counting.
        let bytes = text.len() as u64;
        let fewest = bytes.div_ceil(4);
        if bytes < min || fewest > max {
            return Some(false);
        }
        Some((min <= fewest && bytes <= max) || (min..=max).contains(&(text.chars().count() as u64)))
    }

    fn to_value(&self) -> Cow<'a, Value> {
        match *self {
            Self::Of { key, value } => {
                Cow::Owned(Value::Object(std::iter::once((key.to_owned(), value.clone())).collect()))
            }
            Self::Plain(value) => Cow::Borrowed(value),
        }
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(match *self {
            Self::Of { value, .. } => NodeIdentity::tagged(std::ptr::from_ref(value).addr(), 1),
            Self::Plain(value) => NodeIdentity::new(std::ptr::from_ref(value).addr()),
        })
    }
}

impl<'a> Object<'a, Instances> for Members<'a> {
    type Node = Instance<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        match self {
            Self::One(..) => 1,
            Self::Map(map) => map.len(),
        }
    }

    fn get(&self, key: &String) -> Option<Instance<'a>> {
        match *self {
            Self::One(name, value) => (name == key).then_some(Instance::Plain(value)),
            Self::Map(map) => map.get(key).map(Instance::Plain),
        }
    }

    fn members(&self) -> MembersIter<'a> {
        match *self {
            Self::One(key, value) => MembersIter::One(Some((key, value))),
            Self::Map(map) => MembersIter::Map(map.iter()),
        }
    }
}

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, Instance<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(one) => one.take().map(|(key, value)| (key, Instance::Plain(value))),
            Self::Map(map) => map.next().map(|(key, value)| (key.as_str(), Instance::Plain(value))),
        }
    }
}

impl<'a> Array<'a, Instances> for Elements<'a> {
    type Node = Instance<'a>;
    type ElementsIter = ElementsIter<'a>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn elements(&self) -> ElementsIter<'a> {
        ElementsIter(self.0.iter())
    }

    fn is_unique(&self) -> bool {
        jsonschema::json::unique::is_unique(self.0)
    }
}

impl<'a> Iterator for ElementsIter<'a> {
    type Item = Instance<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(Instance::Plain)
    }
}
