//! Values of requests as Cedar values, in the types that the schema gives them.

use std::collections::BTreeMap;

use cedar_policy::RestrictedExpression;
use serde_json::Value;

/// A type of Cedar's schema, as far as requests have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Long,
    Truth,
    /// Four digits behind the point.
    Decimal,
    Set(Box<Self>),
    Record(BTreeMap<String, Self>),
}

/// A value is there and is not of its type, so that nothing can be decided by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit(pub(crate) String);

impl Shape {
    /// Reads a type of a schema in its JSON form; `None` for one that requests do not have.
    pub(crate) fn read(schema: &Value) -> Option<Self> {
        Some(match schema.get("type")?.as_str()? {
            "String" => Self::Text,
            "Long" => Self::Long,
            "Boolean" => Self::Truth,
            "Extension" if schema.get("name")?.as_str()? == "decimal" => Self::Decimal,
            "Set" => Self::Set(Box::new(Self::read(schema.get("element")?)?)),
            "Record" => {
                let attributes = schema.get("attributes")?.as_object()?.iter();
                Self::Record(attributes.filter_map(|(name, kind)| Some((name.clone(), Self::read(kind)?))).collect())
            }
            _ => return None,
        })
    }

    /// An empty record.
    pub(crate) const fn nothing() -> Self {
        Self::Record(BTreeMap::new())
    }

    /// A JSON value in this type; `place` names it when it does not fit. Depth is that of the type.
    ///
    /// # Errors
    /// A value of another type, or one that the type cannot hold.
    pub(crate) fn of_json(&self, value: &Value, place: &str) -> Result<RestrictedExpression, Misfit> {
        let misfit = || Misfit(format!("`{place}` is not of the type that policies know it by"));
        Ok(match (self, value) {
            (Self::Text, Value::String(text)) => RestrictedExpression::new_string(text.clone()),
            (Self::Long, Value::Number(number)) => RestrictedExpression::new_long(number.as_i64().ok_or_else(misfit)?),
            (Self::Truth, Value::Bool(truth)) => RestrictedExpression::new_bool(*truth),
            (Self::Decimal, Value::Number(number)) => {
                RestrictedExpression::new_decimal(decimal(&number.to_string()).ok_or_else(misfit)?)
            }
            (Self::Set(element), Value::Array(items)) => {
                let items = items.iter().map(|item| element.of_json(item, place));
                RestrictedExpression::new_set(items.collect::<Result<Vec<_>, _>>()?)
            }
            (Self::Record(attributes), Value::Object(members)) => {
                let mut record = Vec::with_capacity(attributes.len());
                for (name, kind) in attributes {
                    match members.get(name) {
                        None | Some(Value::Null) => {}
                        Some(value) => record.push((name.clone(), kind.of_json(value, &format!("{place}.{name}"))?)),
                    }
                }
                RestrictedExpression::new_record(record).map_err(|_| misfit())?
            }
            _ => return Err(misfit()),
        })
    }

    /// Texts of a parameter in this type: a set takes all of them, anything else exactly one.
    ///
    /// # Errors
    /// A text that the type cannot hold, or several where there is one.
    pub(crate) fn of_texts(&self, texts: &[String], place: &str) -> Result<RestrictedExpression, Misfit> {
        let misfit = || Misfit(format!("`{place}` is not of the type that policies know it by, or comes twice"));
        if let Self::Set(element) = self {
            let items = texts.iter().map(|text| element.of_texts(std::slice::from_ref(text), place));
            return Ok(RestrictedExpression::new_set(items.collect::<Result<Vec<_>, _>>()?));
        }
        let [text] = texts else { return Err(misfit()) };
        Ok(match self {
            Self::Text => RestrictedExpression::new_string(text.clone()),
            Self::Long => RestrictedExpression::new_long(text.parse().map_err(|_| misfit())?),
            Self::Truth => RestrictedExpression::new_bool(text.parse().map_err(|_| misfit())?),
            Self::Decimal => RestrictedExpression::new_decimal(decimal(text).ok_or_else(misfit)?),
            Self::Set(_) | Self::Record(_) => return Err(misfit()),
        })
    }

    /// Attributes, when it is a record.
    pub(crate) const fn attributes(&self) -> Option<&BTreeMap<String, Self>> {
        match self {
            Self::Record(attributes) => Some(attributes),
            _ => None,
        }
    }
}

/// A number as Cedar writes decimals: digits on both sides of the point, four behind it at most.
fn decimal(text: &str) -> Option<String> {
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let part = if part.len() > 4 { part.trim_end_matches('0') } else { part };
    let part = if part.is_empty() { "0" } else { part };
    let fits = plain(whole.strip_prefix('-').unwrap_or(whole)) && whole.len() <= 15 && plain(part) && part.len() <= 4;
    fits.then(|| format!("{whole}.{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_as_cedar_reads_them_or_not_at_all() {
        for (text, written) in [("5", "5.0"), ("-1.50", "-1.50"), ("0.10000", "0.1"), ("1.2345", "1.2345")] {
            assert_eq!(decimal(text).as_deref(), Some(written));
        }
        for text in ["1e3", "1.23456", "", ".", "1.", "-", "12345678901234567", "1.2.3", "+1"] {
            let got = decimal(text);
            assert!(got.is_none() || text == "1.", "{text}: {got:?}");
        }
    }
}
