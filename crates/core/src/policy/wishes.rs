//! RFC 9622's preferences as NEAT's properties.
//!
//! | preference | value | precedence | score |
//! |---|---|---|---|
//! | Require | true | 2 | |
//! | Prohibit | false | 2 | |
//! | Prefer | true | 1 | [`PREFER`], of a path [`PREFER_PATH`] |
//! | Avoid | false | 1 | [`AVOID`], of a path [`AVOID_PATH`] |
//! | No Preference | is not said | | |
//!
//! What a stack always or never has is immutable in its row. So a Require or a Prohibit that it breaks rules it out, a
//! wish that it fulfils scores, and one that it does not fulfil scores nothing. The weights are such that no number of
//! lower wishes outweighs a higher one: a preferred path any of protocols, a Prefer all Avoids (RFC 9623 §4.1.3).

use super::neat::{Precedence, Properties, Property, Text, Value};
use super::request::Request;
use super::rows::{StackFacts, transports};
use crate::properties::{
    CapacityProfile, Multipath, Preference, Role, SelectionProperty, TransportProperties,
};
use std::num::NonZeroU64;

/// A Prefer of a protocol's feature that is fulfilled. There are fourteen, and all Avoids together score less.
pub const PREFER: i32 = 256;
/// An Avoid of a protocol's feature that is respected. Scores of policies are small beside it.
pub const AVOID: i32 = 16;
/// A preferred interface or provisioning domain.
pub const PREFER_PATH: i32 = 1 << 20;
/// An interface or provisioning domain that is avoided as it should be. It outweighs all that protocols score.
pub const AVOID_PATH: i32 = 1 << 14;
/// What worked over this path to this peer the last time: decides among equals.
pub const KNOWN_GOOD: i32 = 4;
/// What failed over this path to this peer the last time: outweighs all preferences for protocols, and none for paths.
pub const KNOWN_BAD: i32 = -(1 << 13);
/// A round trip or a rate as is wished for.
const MEASURED: i32 = 5;

pub(super) const MULTIPATH: Text = Text::fixed("multipath");
pub(super) const DIRECTION: Text = Text::fixed("direction");
pub(super) const SAFELY_REPLAYABLE: Text = Text::fixed("safelyreplayable");
const CAPACITY_PROFILE: Text = Text::fixed("capacity_profile");
const RATE: Text = Text::fixed("rate");

/// The keys of the selection properties: their names in lower case, as NEAT's keys are.
const KEYS: [&str; SelectionProperty::ALL.len()] = [
    "reliability",
    "preservemsgboundaries",
    "permsgreliability",
    "preserveorder",
    "zerorttmsg",
    "multistreaming",
    "fullchecksumsend",
    "fullchecksumrecv",
    "congestioncontrol",
    "keepalive",
    "usetemporarylocaladdress",
    "softerrornotify",
    "activereadbeforesend",
];

/// The key of a selection property.
pub(super) const fn key(property: SelectionProperty) -> Text {
    Text::fixed(KEYS[property as usize])
}

/// The selection property of a key.
pub(super) fn property_of(key: &str) -> Option<SelectionProperty> {
    let place = KEYS.iter().position(|known| *known == key)?;
    SelectionProperty::ALL.get(place).copied()
}

/// A preference as a property; nothing for none.
pub(super) fn wish(preference: Preference, prefer: i32, avoid: i32) -> Option<Property> {
    Some(match preference {
        Preference::Require => Property::immutable(true),
        Preference::Prohibit => Property::immutable(false),
        Preference::Prefer => Property::requested(true).scored(prefer),
        Preference::Avoid => Property::requested(false).scored(avoid),
        Preference::NoPreference => return None,
    })
}

/// What an application asks of protocols and paths, without names of places.
pub(super) fn wanted(properties: &TransportProperties, role: Role, stacks: &[StackFacts]) -> Properties {
    let mut wanted = Properties::with_capacity(24);
    let selection = &properties.selection;
    for property in SelectionProperty::ALL {
        if let Some(wish) = wish(selection.preference_to(*property, role), PREFER, AVOID) {
            wanted.insert(key(*property), wish);
        }
    }
    // Anything but Disabled is a preference for protocols that can use several paths; Disabled rules out only those
    // that cannot do otherwise (RFC 9622 §6.2.14).
    wanted.insert(
        MULTIPATH,
        match selection.multipath(role) {
            Multipath::Disabled => Property::immutable(false),
            _ => Property::requested(true).scored(PREFER),
        },
    );
    wanted.insert(DIRECTION, Property::immutable(Value::word(selection.direction().name())));
    wanted.insert(SAFELY_REPLAYABLE, Property::immutable(properties.message.is_safely_replayable()));
    if let Some(names) = transports(stacks) {
        wanted.insert(Text::fixed("transport"), Property::requested(names));
    }

    let connection = &properties.connection;
    if connection.conn_capacity_profile != CapacityProfile::Default {
        let profile = Value::word(connection.conn_capacity_profile.name());
        wanted.insert(CAPACITY_PROFILE, Property::requested(profile));
    }
    let least = connection.min_send_rate.max(connection.min_recv_rate).map(NonZeroU64::get);
    if let Some(range) = least.and_then(|rate| Value::range(rate as f64, f64::INFINITY)) {
        wanted.insert(RATE, Property::requested(range).scored(MEASURED));
    }
    wanted
}

/// What is known of the peer before names are resolved: its name, port and literal address, each if it is the same
/// whichever of the remote endpoints will be reached.
pub(super) fn peer(request: &Request, wanted: &mut Properties) {
    let mut say = |key, values: Vec<Option<Value>>| {
        if let [Some(first), rest @ ..] = &values[..]
            && rest.iter().all(|other| other.as_ref() == Some(first))
        {
            wanted.insert(Text::fixed(key), Property::immutable(first.clone()));
        }
    };
    let remotes = &request.remotes;
    let text = |text: String| Value::from(Text::from(text));
    say(
        "domain_name",
        remotes.iter().map(|remote| remote.host.clone().map(|host| Text::from(host).into())).collect(),
    );
    say("port", remotes.iter().map(|remote| remote.port.map(|port| i64::from(port).into())).collect());
    say(
        "remote_ip",
        remotes.iter().map(|remote| remote.literal().map(|address| text(address.to_string()))).collect(),
    );
}

/// Whether these properties leave no choice but to have it.
pub(super) fn is_required(properties: &Properties, property: SelectionProperty) -> bool {
    let wish = properties.get(KEYS[property as usize]);
    wish.is_some_and(|wish| wish.precedence == Precedence::Immutable && wish.value == Value::from(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_the_name_of_the_property_in_lower_case() {
        for property in SelectionProperty::ALL {
            assert_eq!(key(*property), property.name().to_ascii_lowercase().as_str());
            assert_eq!(property_of(&key(*property)), Some(*property));
        }
    }

    #[test]
    fn no_number_of_lower_wishes_outweighs_a_higher_one() {
        let properties = SelectionProperty::ALL.len() as i32;
        let protocols = (properties + 1) * PREFER + properties * AVOID + KNOWN_GOOD;
        assert!(properties * AVOID < PREFER);
        assert!(protocols < -KNOWN_BAD, "what failed is worse than anything that is not preferred");
        assert!(protocols - KNOWN_BAD < AVOID_PATH);
        const { assert!(AVOID_PATH < PREFER_PATH) };
    }
}
