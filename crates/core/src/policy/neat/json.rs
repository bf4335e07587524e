//! JSON with places: a tree in which each node knows where it stands, so that a fault can be told by line and column.
//!
//! As NEAT's own reader, it takes `Infinity` and `-Infinity` for numbers, which stand at the ends of ranges. Unlike it,
//! it refuses an object with the same name twice, and it is bounded in length and in depth.

use super::fault::{Fault, Flaw};
use std::sync::Arc;

/// A text has at most this many bytes: 1 MiB.
pub const MAX_DOCUMENT: usize = 1 << 20;

/// Objects and lists are nested at most this deep. The formats need eight levels.
pub const MAX_DEPTH: usize = 32;

/// A node, and where it begins.
#[derive(Debug)]
pub(in crate::policy) struct Node {
    pub(in crate::policy) at: usize,
    pub(in crate::policy) kind: Kind,
}

#[derive(Debug)]
pub(in crate::policy) enum Kind {
    Null,
    Boolean(bool),
    Integer(i64),
    /// May be infinite, but is never NaN.
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

#[derive(Debug)]
pub(in crate::policy) struct Member {
    pub(in crate::policy) at: usize,
    pub(in crate::policy) name: String,
    pub(in crate::policy) node: Node,
}

impl Node {
    /// What it is, in words.
    pub(in crate::policy) fn what(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Boolean(_) => "a boolean",
            Kind::Integer(_) | Kind::Float(_) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Object(_) => "an object",
        }
    }

    pub(in crate::policy) fn flaw(&self, fault: Fault) -> Flaw {
        Flaw::at(self.at, fault)
    }

    pub(in crate::policy) fn expected(&self, what: &'static str) -> Flaw {
        self.flaw(Fault::expected(what, self.what()))
    }
}

/// Reads a whole text.
pub(in crate::policy) fn parse(text: &str) -> Result<Node, Flaw> {
    if text.len() > MAX_DOCUMENT {
        return Err(Flaw::at(0, Fault::TooLong { limit: MAX_DOCUMENT }));
    }
    let mut parser = Parser { text, at: 0, depth: 0 };
    let node = parser.node()?;
    parser.space();
    if parser.at < text.len() { Err(parser.syntax("more after the end")) } else { Ok(node) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &[u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn next(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn space(&mut self) {
        let spaces = self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += spaces.count();
    }

    fn syntax(&self, what: &'static str) -> Flaw {
        Flaw::at(self.at, Fault::Syntax(what))
    }

    /// Takes this if it is next.
    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let there = self.next() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn node(&mut self) -> Result<Node, Flaw> {
        self.space();
        let at = self.at;
        let kind = match self.next() {
            None => return Err(self.syntax("it ends too early")),
            Some(b'{') => self.deeper(Self::object)?,
            Some(b'[') => self.deeper(Self::list)?,
            Some(b'"') => Kind::Text(self.string()?),
            Some(_) => self.word()?,
        };
        Ok(Node { at, kind })
    }

    fn deeper(&mut self, read: fn(&mut Self) -> Result<Kind, Flaw>) -> Result<Kind, Flaw> {
        if self.depth == MAX_DEPTH {
            return Err(Flaw::at(self.at, Fault::TooDeep { limit: MAX_DEPTH }));
        }
        self.depth += 1;
        self.at += 1;
        let kind = read(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn object(&mut self) -> Result<Kind, Flaw> {
        let mut members: Vec<Member> = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        if self.take(b'}') {
            return Ok(Kind::Object(members));
        }
        loop {
            self.space();
            let at = self.at;
            if self.next() != Some(b'"') {
                return Err(self.syntax("a name in quotes is missing"));
            }
            let name = self.string()?;
            if !names.insert(name.clone()) {
                return Err(Flaw::at(at, Fault::Repeated(name.into())));
            }
            if !self.take(b':') {
                return Err(self.syntax("a colon is missing"));
            }
            let node = self.node()?;
            members.push(Member { at, name, node });
            if self.take(b'}') {
                return Ok(Kind::Object(members));
            }
            if !self.take(b',') {
                return Err(self.syntax("a comma or a closing brace is missing"));
            }
        }
    }

    fn list(&mut self) -> Result<Kind, Flaw> {
        let mut nodes = Vec::new();
        if self.take(b']') {
            return Ok(Kind::List(nodes));
        }
        loop {
            nodes.push(self.node()?);
            if self.take(b']') {
                return Ok(Kind::List(nodes));
            }
            if !self.take(b',') {
                return Err(self.syntax("a comma or a closing bracket is missing"));
            }
        }
    }

    /// A text in quotes. Where it ends is found here; its escapes are read by serde_json.
    fn string(&mut self) -> Result<String, Flaw> {
        let mut escaped = false;
        let end = self.rest().iter().skip(1).position(|byte| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        });
        let Some(end) = end else { return Err(self.syntax("a text does not end")) };
        let quoted = self.text.get(self.at..self.at + end + 2).unwrap_or_default();
        let text = serde_json::from_str(quoted)
            .map_err(|_| self.syntax("a text has a wrong escape or a control character"))?;
        self.at += quoted.len();
        Ok(text)
    }

    fn word(&mut self) -> Result<Kind, Flaw> {
        let length = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
            .count();
        let word = self.text.get(self.at..self.at + length).unwrap_or_default();
        let kind = match word {
            "null" => Kind::Null,
            "true" => Kind::Boolean(true),
            "false" => Kind::Boolean(false),
            "Infinity" => Kind::Float(f64::INFINITY),
            "-Infinity" => Kind::Float(f64::NEG_INFINITY),
            _ => self.number(word)?,
        };
        self.at += length;
        Ok(kind)
    }

    /// A number, by the grammar of JSON, which serde_json knows.
    fn number(&self, word: &str) -> Result<Kind, Flaw> {
        let number: serde_json::Number = serde_json::from_str(word).map_err(|_| {
            let too_large = word.bytes().any(|byte| byte.is_ascii_digit()) && word.parse::<f64>().is_ok();
            if too_large && !word.starts_with(['+', '.']) && word.parse::<f64>() == Ok(f64::INFINITY) {
                Flaw::at(self.at, Fault::TooLarge)
            } else {
                self.syntax("neither a value nor a number")
            }
        })?;
        if let Some(integer) = number.as_i64() {
            return Ok(Kind::Integer(integer));
        }
        match number.as_f64() {
            // An integer that does not fit is not rounded.
            Some(float) if !number.is_u64() && (word.contains(['.', 'e', 'E'])) => Ok(Kind::Float(float)),
            _ => Err(Flaw::at(self.at, Fault::TooLarge)),
        }
    }
}

impl Kind {
    /// The text of a name or a word.
    pub(in crate::policy) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The beginning of a text, to be repeated in an error.
pub(in crate::policy) fn shared(text: &str) -> Arc<str> {
    // An error repeats a name, not a novel.
    const MAX_EXCERPT: usize = 64;
    text.chars().take(MAX_EXCERPT).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (usize, usize, Fault) {
        let error = parse(text).unwrap_err().in_text(text, None);
        (error.line, error.column, error.fault)
    }

    #[test]
    fn what_is_not_json_is_told_by_its_place() {
        for (text, line, column) in [
            ("", 1, 1),
            ("{", 1, 2),
            ("{\n  \"a\" 1}", 2, 7),
            ("[1,]", 1, 4),
            ("[1 2]", 1, 4),
            ("{\"a\": UDPLite}", 1, 7),
            ("[\"\u{e9}\", \"\\q\"]", 1, 7),
            ("1 2", 1, 3),
            ("[01]", 1, 2),
            ("[NaN]", 1, 2),
            ("\"open", 1, 1),
            ("[+1]", 1, 2),
        ] {
            let (at_line, at_column, fault) = fault(text);
            assert!(matches!(fault, Fault::Syntax(_)), "{text}: {fault}");
            assert_eq!((at_line, at_column), (line, column), "{text}: {fault}");
        }
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let deep = "[".repeat(100_000);
        assert_eq!(fault(&deep).2, Fault::TooDeep { limit: MAX_DEPTH });
        let long = format!("\"{}\"", "x".repeat(10 << 20));
        assert_eq!(fault(&long).2, Fault::TooLong { limit: MAX_DOCUMENT });
        for number in ["1e999", "18446744073709551615", "9223372036854775808", "100000000000000000000000000"]
        {
            assert_eq!(fault(number).2, Fault::TooLarge, "{number}");
        }
        assert_eq!(fault(r#"{"a": 1, "a": 2}"#), (1, 10, Fault::Repeated("a".into())));
    }
}
