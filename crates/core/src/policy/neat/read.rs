//! Properties from JSON, strictly: what is not understood is refused with its place.

use super::alternatives::MAX_EXPANSION;
use super::fault::{Fault, Flaw, PolicyError};
use super::json::{Kind, Member, Node, parse, shared};
use super::value::MAX_ALTERNATIVE_VALUES;
use super::{Alternatives, Finite, Precedence, Properties, Property, Scalar, Text, Value};

/// The key whose values are names of protocols.
pub(in crate::policy) const TRANSPORT: &str = "transport";

/// What a property may say of itself.
const ATTRIBUTES: &[&str] = &["value", "precedence", "score", "evaluated", "description"];

impl Alternatives {
    /// Reads properties as an application gives them: one object, or NEAT's array of arrays of objects. A property
    /// that is a list of objects is a choice between them.
    ///
    /// *Errors*: the first fault, with line, column and path.
    pub fn from_json(text: &str) -> Result<Self, PolicyError> {
        parse(text).and_then(|node| alternatives(&node)).map_err(|flaw| flaw.in_text(text, None))
    }

    /// Reads what is asked of NEAT's Policy Manager: a list of requests, each of them an object or an array of arrays;
    /// one object is a list of one.
    ///
    /// *Errors*: the first fault, with line, column and path; more than [`MAX_EXPANSION`] candidates in all.
    pub fn requests_from_json(text: &str) -> Result<Vec<Self>, PolicyError> {
        parse(text).and_then(|node| requests(&node)).map_err(|flaw| flaw.in_text(text, None))
    }
}

impl Properties {
    /// Reads one set of properties: an object in which each property has one value or set of values.
    ///
    /// *Errors*: the first fault, with line, column and path.
    pub fn from_json(text: &str) -> Result<Self, PolicyError> {
        parse(text).and_then(|node| plain(&node)).map_err(|flaw| flaw.in_text(text, None))
    }
}

fn requests(node: &Node) -> Result<Vec<Alternatives>, Flaw> {
    let Kind::List(items) = &node.kind else { return Ok(vec![alternatives(node)?]) };
    let read = items.iter().enumerate().map(|(n, item)| alternatives(item).map_err(|flaw| flaw.at_place(n)));
    let requests: Vec<Alternatives> = read.collect::<Result<_, _>>()?;
    if requests.iter().map(|request| request.expanded().len()).sum::<usize>() > MAX_EXPANSION {
        return Err(node.flaw(Fault::Explosion { limit: MAX_EXPANSION }));
    }
    Ok(requests)
}

/// The value of `properties`, or a request.
pub(in crate::policy) fn alternatives(node: &Node) -> Result<Alternatives, Flaw> {
    let groups = match &node.kind {
        Kind::Object(_) => groups(node)?,
        Kind::List(items) => {
            let mut all = Vec::new();
            for (place, item) in items.iter().enumerate() {
                match &item.kind {
                    Kind::Object(_) => all.extend(groups(item).map_err(|flaw| flaw.at_place(place))?),
                    Kind::List(sets) => all.push(group(item, sets).map_err(|flaw| flaw.at_place(place))?),
                    _ => return Err(item.expected("an object or a list of objects").at_place(place)),
                }
            }
            all
        }
        _ => return Err(node.expected("an object or a list")),
    };
    Alternatives::new(groups).map_err(|fault| node.flaw(fault))
}

/// A list of sets to choose from.
fn group(node: &Node, sets: &[Node]) -> Result<Vec<Properties>, Flaw> {
    let mut all = Vec::new();
    for (place, set) in sets.iter().enumerate() {
        let expanded =
            groups(set).and_then(|groups| Alternatives::new(groups).map_err(|fault| set.flaw(fault)));
        all.extend_from_slice(expanded.map_err(|flaw| flaw.at_place(place))?.expanded());
        if all.len() > MAX_EXPANSION {
            return Err(node.flaw(Fault::Explosion { limit: MAX_EXPANSION }));
        }
    }
    Ok(all)
}

/// An object: the properties that have one attribute are a group of one set, each list of attributes is a group.
fn groups(node: &Node) -> Result<Vec<Vec<Properties>>, Flaw> {
    let members = object(node)?;
    let mut single = Properties::new();
    let mut groups = Vec::new();
    for member in members {
        match &member.node.kind {
            Kind::List(choices) => {
                let one = |(place, choice): (usize, &Node)| {
                    let property = property(&member.name, choice).map_err(|flaw| flaw.at_place(place))?;
                    Ok(Properties::new().with(member.name.as_str(), property))
                };
                let choices: Result<Vec<_>, Flaw> = choices.iter().enumerate().map(one).collect();
                let choices = choices.map_err(|flaw| flaw.within(&member.name))?;
                if choices.is_empty() {
                    return Err(member.node.flaw(nothing(&member.name)).within(&member.name));
                }
                groups.push(choices);
            }
            _ => add(&mut single, member)?,
        }
    }
    if !single.is_empty() || groups.is_empty() {
        groups.push(vec![single]);
    }
    Ok(groups)
}

/// An object in which each property has one attribute, as in `match`.
pub(in crate::policy) fn plain(node: &Node) -> Result<Properties, Flaw> {
    let mut set = Properties::new();
    for member in object(node)? {
        add(&mut set, member)?;
    }
    Ok(set)
}

fn add(set: &mut Properties, member: &Member) -> Result<(), Flaw> {
    let property = property(&member.name, &member.node).map_err(|flaw| flaw.within(&member.name))?;
    if set.insert(member.name.as_str(), property).is_some() {
        // The same name in another case.
        return Err(Flaw::at(member.at, Fault::Repeated(shared(&member.name))));
    }
    Ok(())
}

pub(in crate::policy) fn object(node: &Node) -> Result<&[Member], Flaw> {
    match &node.kind {
        Kind::Object(members) => Ok(members),
        _ => Err(node.expected("an object")),
    }
}

fn property(key: &str, node: &Node) -> Result<Property, Flaw> {
    let mut property = Property::default();
    let mut valued = false;
    for Member { at, name, node } in object(node)? {
        let read = || -> Result<Property, Flaw> {
            let property = property.clone();
            Ok(match name.as_str() {
                "value" => Property { value: value(key, node)?, ..property },
                "precedence" => Property { precedence: precedence(node)?, ..property },
                "score" => Property { score: number(node)?, ..property },
                "evaluated" => Property { evaluated: boolean(node)?, ..property },
                "description" => {
                    text(node)?;
                    property
                }
                // An empty list excludes nothing.
                "banned" if matches!(&node.kind, Kind::List(items) if items.is_empty()) => property,
                "banned" => return Err(Flaw::at(*at, Fault::Banned)),
                _ => return Err(unknown(*at, name, ATTRIBUTES)),
            })
        };
        property = read().map_err(|flaw| flaw.within(name))?;
        valued |= name == "value";
    }
    if !valued && key.eq_ignore_ascii_case(TRANSPORT) {
        return Err(node.flaw(Fault::NoTransport));
    }
    Ok(property)
}

pub(in crate::policy) fn unknown(at: usize, key: &str, known: &'static [&'static str]) -> Flaw {
    Flaw::at(at, Fault::UnknownKey { key: shared(key), known })
}

fn precedence(node: &Node) -> Result<Precedence, Flaw> {
    match node.kind {
        Kind::Integer(number) => Precedence::from_number(number).ok_or_else(|| node.flaw(Fault::Precedence)),
        _ => Err(node.expected("a precedence of 0, 1 or 2")),
    }
}

pub(in crate::policy) fn number(node: &Node) -> Result<Finite, Flaw> {
    let number = match node.kind {
        Kind::Integer(number) => exact(number).ok_or_else(|| node.flaw(Fault::TooLarge))?,
        Kind::Float(number) => number,
        _ => return Err(node.expected("a number")),
    };
    Finite::new(number).ok_or_else(|| node.flaw(Fault::Infinite))
}

pub(in crate::policy) fn boolean(node: &Node) -> Result<bool, Flaw> {
    match node.kind {
        Kind::Boolean(value) => Ok(value),
        _ => Err(node.expected("true or false")),
    }
}

pub(in crate::policy) fn text(node: &Node) -> Result<&str, Flaw> {
    node.kind.text().ok_or_else(|| node.expected("a text"))
}

fn nothing(key: &str) -> Fault {
    if key.eq_ignore_ascii_case(TRANSPORT) { Fault::NoTransport } else { Fault::NoValue }
}

fn value(key: &str, node: &Node) -> Result<Value, Flaw> {
    match &node.kind {
        Kind::Null => Ok(Value::Any),
        Kind::Object(members) => range(node, members),
        Kind::List(items) => set(key, node, items),
        _ => scalar(key, node).map(Value::One),
    }
}

fn scalar(key: &str, node: &Node) -> Result<Scalar, Flaw> {
    Ok(match &node.kind {
        Kind::Boolean(value) => Scalar::Boolean(*value),
        Kind::Integer(value) => Scalar::Integer(*value),
        Kind::Float(value) => Scalar::Float(Finite::new(*value).ok_or_else(|| node.flaw(Fault::Infinite))?),
        Kind::Text(word) if key.eq_ignore_ascii_case(TRANSPORT) => {
            if word.trim().is_empty() {
                return Err(node.flaw(Fault::NoTransport));
            }
            Scalar::String(transport_name(word.trim()))
        }
        Kind::Text(word) => Scalar::String(word.as_str().into()),
        Kind::List(_) | Kind::Object(_) => return Err(node.flaw(Fault::Nested)),
        Kind::Null => return Err(node.expected("a boolean, a number or a text")),
    })
}

fn set(key: &str, node: &Node, items: &[Node]) -> Result<Value, Flaw> {
    if let [one, other] = items
        && let (Some(start), Some(end)) = (float(one), float(other))
        && (start.is_infinite() || end.is_infinite())
    {
        // No number is infinite, so two numbers of which one is are a range.
        return bounded(node, start, end);
    }
    if items.len() > MAX_ALTERNATIVE_VALUES {
        return Err(node.flaw(Fault::TooManyValues { limit: MAX_ALTERNATIVE_VALUES }));
    }
    let read = |(place, item)| scalar(key, item).map_err(|flaw| flaw.at_place(place));
    let members: Vec<Scalar> = items.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    Value::one_of(members).ok_or_else(|| node.flaw(nothing(key)))
}

fn float(node: &Node) -> Option<f64> {
    match node.kind {
        Kind::Integer(number) => exact(number),
        Kind::Float(number) => Some(number),
        _ => None,
    }
}

fn exact(number: i64) -> Option<f64> {
    const EXACT: i64 = 1 << 53;
    (-EXACT..=EXACT).contains(&number).then_some(number as f64)
}

fn range(node: &Node, members: &[Member]) -> Result<Value, Flaw> {
    let (mut start, mut end) = (None, None);
    for Member { at, name, node } in members {
        let bound = match name.as_str() {
            "start" => &mut start,
            "end" => &mut end,
            _ => return Err(unknown(*at, name, &["start", "end"])),
        };
        *bound = Some(end_of_range(node).map_err(|flaw| flaw.within(name))?);
    }
    let (Some(start), Some(end)) = (start, end) else {
        return Err(node.expected("a range with start and end"));
    };
    bounded(node, start, end)
}

fn bounded(node: &Node, start: f64, end: f64) -> Result<Value, Flaw> {
    let text = |number: f64| number.to_string().into();
    Value::range(start, end)
        .ok_or_else(|| node.flaw(Fault::EmptyRange { start: text(start), end: text(end) }))
}

/// A number, or infinity in one of NEAT's spellings.
fn end_of_range(node: &Node) -> Result<f64, Flaw> {
    match &node.kind {
        Kind::Integer(number) => exact(*number).ok_or_else(|| node.flaw(Fault::TooLarge)),
        Kind::Float(number) => Ok(*number),
        Kind::Text(word) => match word.trim().to_ascii_lowercase().as_str() {
            "inf" | "infinity" => Ok(f64::INFINITY),
            "-inf" | "-infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(node.expected("a number or Infinity")),
        },
        _ => Err(node.expected("a number or Infinity")),
    }
}

/// The names of protocols as NEAT spells them. It knows five spellings of UDP-Lite.
pub(in crate::policy) fn transport_name(word: &str) -> Text {
    const KNOWN: &[&str] =
        &["TCP", "UDP", "QUIC", "SCTP", "MPTCP", "UDP-Lite", "SCTP/UDP", "DTLS", "TLS", "WEBRTC", "reliable"];
    let letters = |text: &str| {
        text.bytes().filter(|byte| *byte != b'-').map(|byte| byte.to_ascii_lowercase()).collect()
    };
    let same = |name: &&&str| -> bool { Vec::<u8>::eq(&letters(name), &letters(word)) };
    KNOWN.iter().find(same).map_or_else(|| word.into(), |name| Text::fixed(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_have_one_spelling() {
        for (word, name) in [
            ("tcp", "TCP"),
            ("UDPLite", "UDP-Lite"),
            ("UDP-lite", "UDP-Lite"),
            ("UDPLITE", "UDP-Lite"),
            ("sctp/udp", "SCTP/UDP"),
            ("Reliable", "reliable"),
            ("mine", "mine"),
        ] {
            assert_eq!(transport_name(word), name);
        }
    }

    #[test]
    fn the_example_of_the_documentation_is_read() {
        let text = r#"{
            "transport": {"value": ["TCP", "SCTP"], "precedence": 2, "score": 3},
            "latency": {"value": {"start": 1, "end": 10}},
            "MTU": {"value": [1500, Infinity]},
            "capacity": {"value": {"start": 10, "end": "Infinity"}, "score": 1},
            "low_latency": {}
        }"#;
        let read = Properties::from_json(text).unwrap();
        assert_eq!(
            read.to_string(),
            "(capacity|10-inf)+1 (latency|1-10) (low_latency|*) (mtu|1500-inf) [transport|TCP,SCTP]+3"
        );
    }
}
