//! A GraphQL document of operations and fragments (October 2021, 2.2 to 2.12), read with bounded depth and length.

use std::collections::HashMap;

use super::lexer::{Lexer, Token};

/// Deepest nesting of selections, values and types.
const DEPTH: u32 = 100;

/// A document. Type system definitions are no part of a request.
#[derive(Debug, Default)]
pub(super) struct Document<'a> {
    pub(super) operations: Vec<Operation<'a>>,
    pub(super) fragments: HashMap<&'a str, Fragment<'a>>,
    /// The words, one blank between them: what two documents that mean the same have in common.
    pub(super) normal: String,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Query,
    Mutation,
    Subscription,
}

#[derive(Debug)]
pub(super) struct Operation<'a> {
    pub(super) kind: Kind,
    pub(super) name: Option<&'a str>,
    /// Variables with their default values.
    pub(super) variables: HashMap<&'a str, Value<'a>>,
    pub(super) selections: Vec<Selection<'a>>,
}

#[derive(Debug)]
pub(super) struct Fragment<'a> {
    pub(super) on: &'a str,
    pub(super) selections: Vec<Selection<'a>>,
}

#[derive(Debug)]
pub(super) enum Selection<'a> {
    Field(Field<'a>),
    /// The fields of a fragment.
    Spread(&'a str),
    /// Fields, for one type only when it is named.
    Inline(Option<&'a str>, Vec<Selection<'a>>),
}

#[derive(Debug)]
pub(super) struct Field<'a> {
    pub(super) is_aliased: bool,
    pub(super) name: &'a str,
    pub(super) arguments: Vec<(&'a str, Value<'a>)>,
    pub(super) selections: Vec<Selection<'a>>,
}

/// A value, as far as it can be a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Int(u64),
    Variable(&'a str),
    Other,
}

impl<'a> Document<'a> {
    /// Reads a document of at most `most` words.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn parse(text: &'a str, most: u32) -> Result<Self, String> {
        let mut parser = Parser::new(text, most)?;
        let mut document = Self::default();
        while parser.token != Token::End {
            parser.definition(&mut document)?;
        }
        if document.operations.is_empty() {
            return Err("expected an operation".to_owned());
        }
        let unnamed = document.operations.iter().filter(|operation| operation.name.is_none()).count();
        if unnamed > 0 && document.operations.len() > 1 {
            return Err("expected names for several operations".to_owned());
        }
        document.normal = parser.normal;
        Ok(document)
    }

    /// The operation that a request is for.
    ///
    /// # Errors
    /// There is none of that name, or several and no name.
    pub(super) fn operation(&self, name: Option<&str>) -> Result<&Operation<'a>, String> {
        match (name, self.operations.as_slice()) {
            (None, [operation]) => Ok(operation),
            (None, _) => Err("expected `operationName`, since there are several operations".to_owned()),
            (Some(name), operations) => {
                let mut named = operations.iter().filter(|operation| operation.name == Some(name));
                match (named.next(), named.next()) {
                    (Some(operation), None) => Ok(operation),
                    _ => Err("expected `operationName` to name one operation".to_owned()),
                }
            }
        }
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    depth: u32,
    normal: String,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, most: u32) -> Result<Self, String> {
        let mut parser = Self {
            lexer: Lexer::new(text, most),
            token: Token::End,
            depth: 0,
            normal: String::with_capacity(text.len()),
        };
        parser.token = parser.lexer.next()?;
        Ok(parser)
    }

    /// Takes the present word and goes on to the next.
    fn take(&mut self) -> Result<Token<'a>, String> {
        let next = self.lexer.next()?;
        let taken = std::mem::replace(&mut self.token, next);
        if !self.normal.is_empty() {
            self.normal.push(' ');
        }
        match taken {
            Token::Mark(mark) => self.normal.push(mark),
            Token::Spread => self.normal.push_str("..."),
            Token::Name(text) | Token::Int(text) | Token::Float(text) | Token::Text(text) => self.normal.push_str(text),
            Token::End => {}
        }
        Ok(taken)
    }

    fn is(&self, mark: char) -> bool {
        self.token == Token::Mark(mark)
    }

    fn mark(&mut self, mark: char) -> Result<(), String> {
        if self.is(mark) { self.take().map(|_| ()) } else { Err(format!("expected `{mark}`")) }
    }

    fn name(&mut self) -> Result<&'a str, String> {
        match self.token {
            Token::Name(name) => self.take().map(|_| name),
            _ => Err("expected a name".to_owned()),
        }
    }

    /// Runs `inner` one level deeper.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        if self.depth >= DEPTH {
            return Err(format!("expected at most {DEPTH} levels"));
        }
        self.depth += 1;
        let done = inner(self);
        self.depth -= 1;
        done
    }

    fn definition(&mut self, document: &mut Document<'a>) -> Result<(), String> {
        if self.is('{') {
            let selections = self.selections()?;
            let variables = HashMap::new();
            document.operations.push(Operation { kind: Kind::Query, name: None, variables, selections });
            return Ok(());
        }
        let kind = match self.name()? {
            "query" => Kind::Query,
            "mutation" => Kind::Mutation,
            "subscription" => Kind::Subscription,
            "fragment" => {
                let name = self.name()?;
                if name == "on" || self.name()? != "on" {
                    return Err("expected `fragment NAME on TYPE`".to_owned());
                }
                let on = self.name()?;
                self.directives()?;
                let selections = self.selections()?;
                return match document.fragments.insert(name, Fragment { on, selections }) {
                    None => Ok(()),
                    Some(_) => Err("expected each fragment once".to_owned()),
                };
            }
            _ => return Err("expected an operation or a fragment".to_owned()),
        };
        let name = if self.is('(') || self.is('@') || self.is('{') { None } else { Some(self.name()?) };
        let variables = self.variables()?;
        self.directives()?;
        let selections = self.selections()?;
        document.operations.push(Operation { kind, name, variables, selections });
        Ok(())
    }

    fn variables(&mut self) -> Result<HashMap<&'a str, Value<'a>>, String> {
        let mut variables = HashMap::new();
        if !self.is('(') {
            return Ok(variables);
        }
        self.take()?;
        while !self.is(')') {
            self.mark('$')?;
            let name = self.name()?;
            self.mark(':')?;
            self.kind()?;
            let default = if self.is('=') { self.take().and_then(|_| self.value())? } else { Value::Other };
            self.directives()?;
            if variables.insert(name, default).is_some() {
                return Err("expected each variable once".to_owned());
            }
        }
        self.mark(')')?;
        Ok(variables)
    }

    /// The type of a variable.
    fn kind(&mut self) -> Result<(), String> {
        if self.is('[') {
            self.take()?;
            self.deeper(Self::kind)?;
            self.mark(']')?;
        } else {
            self.name()?;
        }
        if self.is('!') { self.take().map(|_| ()) } else { Ok(()) }
    }

    fn directives(&mut self) -> Result<(), String> {
        while self.is('@') {
            self.take()?;
            self.name()?;
            self.arguments()?;
        }
        Ok(())
    }

    fn arguments(&mut self) -> Result<Vec<(&'a str, Value<'a>)>, String> {
        let mut arguments: Vec<(&'a str, Value<'a>)> = Vec::new();
        if !self.is('(') {
            return Ok(arguments);
        }
        self.take()?;
        while !self.is(')') {
            let name = self.name()?;
            self.mark(':')?;
            let value = self.value()?;
            if arguments.iter().any(|(known, _)| *known == name) {
                return Err("expected each argument once".to_owned());
            }
            arguments.push((name, value));
        }
        self.mark(')')?;
        Ok(arguments)
    }

    fn value(&mut self) -> Result<Value<'a>, String> {
        match self.token {
            Token::Mark('$') => {
                self.take()?;
                self.name().map(Value::Variable)
            }
            Token::Mark('[') => {
                self.take()?;
                while !self.is(']') {
                    self.deeper(Self::value)?;
                }
                self.take().map(|_| Value::Other)
            }
            Token::Mark('{') => {
                self.take()?;
                while !self.is('}') {
                    self.name()?;
                    self.mark(':')?;
                    self.deeper(Self::value)?;
                }
                self.take().map(|_| Value::Other)
            }
            Token::Int(text) => {
                self.take()?;
                // A number that is too large for a size counts as the largest; one below zero as nothing.
                let most = if text.starts_with('-') { 0 } else { u64::MAX };
                Ok(Value::Int(text.parse().unwrap_or(most)))
            }
            Token::Float(_) | Token::Text(_) | Token::Name(_) => self.take().map(|_| Value::Other),
            _ => Err("expected a value".to_owned()),
        }
    }

    fn selections(&mut self) -> Result<Vec<Selection<'a>>, String> {
        self.deeper(|parser| {
            parser.mark('{')?;
            let mut selections = Vec::new();
            while !parser.is('}') {
                selections.push(parser.selection()?);
            }
            parser.take()?;
            if selections.is_empty() { Err("expected a field".to_owned()) } else { Ok(selections) }
        })
    }

    fn selection(&mut self) -> Result<Selection<'a>, String> {
        if self.token == Token::Spread {
            self.take()?;
            match self.token {
                Token::Name("on") => {
                    self.take()?;
                    let on = self.name()?;
                    self.directives()?;
                    return Ok(Selection::Inline(Some(on), self.selections()?));
                }
                Token::Name(name) => {
                    self.take()?;
                    self.directives()?;
                    return Ok(Selection::Spread(name));
                }
                _ => {
                    self.directives()?;
                    return Ok(Selection::Inline(None, self.selections()?));
                }
            }
        }
        let first = self.name()?;
        let is_aliased = self.is(':');
        let name = if is_aliased { self.take().and_then(|_| self.name())? } else { first };
        let arguments = self.arguments()?;
        self.directives()?;
        let selections = if self.is('{') { self.selections()? } else { Vec::new() };
        Ok(Selection::Field(Field { is_aliased, name, arguments, selections }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn operations_and_fragments_are_read() {
        let text = "query Q($n: Int = 5, $l: [ID!]!) @a(b: 1) { me { ...F @skip(if: true) ... on User { x } ... { y } }
            all: list(first: $n, where: {a: [1, \"b\", ENUM, null]}) { id } }
            fragment F on User { name } mutation M { go }";
        let document = Document::parse(text, 200).unwrap();
        assert_eq!(document.operations.len(), 2);
        assert_eq!(document.operation(Some("M")).unwrap().kind, Kind::Mutation);
        assert!(document.operation(None).is_err() && document.operation(Some("X")).is_err());
        assert_eq!(document.operation(Some("Q")).unwrap().variables["n"], Value::Int(5));
        assert_eq!(document.fragments["F"].on, "User");
    }

    #[test]
    fn documents_that_mean_the_same_have_one_normal_form() {
        let normal = |text: &str| Document::parse(text, 100).unwrap().normal;
        assert_eq!(normal("{a,b(x:1)}"), normal("{ a # one\n  b ( x : 1 ) }"));
        assert_ne!(normal("{a b}"), normal("{ab}"));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in [
            "",
            "{",
            "{}",
            "{a",
            "{a}}",
            "query",
            "type A {a: B}",
            "{a(}",
            "{a(b)}",
            "{a(b:1 b:2)}",
            "{...}",
            "{a} {b}",
            "fragment on on A {a} {b}",
            "fragment A on B {c}",
            "query A{a} query A{b} fragment X on Y{z} fragment X on Y{z}",
        ] {
            assert!(Document::parse(text, 100).is_err(), "{text}");
        }
        assert!(Document::parse(&format!("{}a{}", "{a".repeat(101), "}".repeat(101)), 10_000).is_err());
        assert!(Document::parse(&format!("{{a(b:{}1{})}}", "[".repeat(200), "]".repeat(200)), 10_000).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail_in_another_way(text in "[{}()\\[\\]:$!@.a-z0-9\" \\n,#=-]{0,80}") {
            let _ = Document::parse(&text, 1000);
        }
    }
}
