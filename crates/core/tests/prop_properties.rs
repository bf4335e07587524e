//! Properties: what is said survives every round trip, and the order of saying is irrelevant.

use neatflow_core::properties::{
    ALL, CapacityProfile, Coverage, Descriptor, Direction, Interface, Lifetime, Multipath, MultipathPolicy,
    PropertyError, Pvd, Scheduler, Value, VendorProperties,
};
use neatflow_core::{MessageProperties, Preference, SelectionProperty, TransportProperties};
use quickcheck::{Arbitrary, Gen, QuickCheck, quickcheck};
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

/// One thing an application says.
#[derive(Clone, Debug)]
enum Saying {
    Property(SelectionProperty, Preference),
    Interface(&'static str, Preference),
    Pvd(&'static str, Preference),
    Multipath(Multipath),
    AdvertisesAltaddr(bool),
    Direction(Direction),
    RecvChecksumLen(Option<u32>),
    ConnPriority(u32),
    ConnTimeout(Option<Duration>),
    KeepAliveTimeout(Option<Duration>),
    ConnScheduler(Scheduler),
    ConnCapacityProfile(CapacityProfile),
    MultipathPolicy(MultipathPolicy),
    Rates([Option<NonZeroU64>; 4]),
    GroupConnLimit(Option<NonZeroU32>),
    IsolateSession(bool),
    Tcp(Option<NonZeroU32>, bool, bool),
    Message(OfMessage),
    RetransmitNotify(Preference),
    RetransmitNotifyThreshold(Option<u32>),
    Vendor(&'static str, Value),
}

/// One thing an application says of a message, or unsays.
#[derive(Clone, Debug)]
enum OfMessage {
    Lifetime(Option<Lifetime>),
    Priority(Option<u32>),
    Ordered(Option<bool>),
    SafelyReplayable(Option<bool>),
    Final(Option<bool>),
    ChecksumLen(Option<Coverage>),
    Reliable(Option<bool>),
    Profile(Option<CapacityProfile>),
    NoFragmentation(Option<bool>),
    NoSegmentation(Option<bool>),
}

impl OfMessage {
    fn say(&self, to: &mut MessageProperties) {
        match *self {
            Self::Lifetime(lifetime) => to.msg_lifetime = lifetime,
            Self::Priority(priority) => to.msg_priority = priority,
            Self::Ordered(ordered) => to.msg_ordered = ordered,
            Self::SafelyReplayable(replayable) => to.safely_replayable = replayable,
            Self::Final(is_final) => to.is_final = is_final,
            Self::ChecksumLen(coverage) => to.msg_checksum_len = coverage,
            Self::Reliable(reliable) => to.msg_reliable = reliable,
            Self::Profile(profile) => to.msg_capacity_profile = profile,
            Self::NoFragmentation(no) => to.no_fragmentation = no,
            Self::NoSegmentation(no) => to.no_segmentation = no,
        }
    }
}

impl Arbitrary for OfMessage {
    fn arbitrary(g: &mut Gen) -> Self {
        let choice = Option::<bool>::arbitrary(g);
        match u8::arbitrary(g) % 10 {
            0 => Self::Lifetime(if choice.unwrap_or(true) {
                positive_time(g).map(Lifetime::Limited)
            } else {
                Some(Lifetime::Infinite)
            }),
            1 => Self::Priority(Arbitrary::arbitrary(g)),
            2 => Self::Ordered(choice),
            3 => Self::SafelyReplayable(choice),
            4 => Self::Final(choice),
            5 => Self::ChecksumLen(
                choice.map(
                    |all| {
                        if all { Coverage::Full } else { Coverage::AtLeast(Arbitrary::arbitrary(g)) }
                    },
                ),
            ),
            6 => Self::Reliable(choice),
            7 => Self::Profile(choice.map(|_| one_of(g, CapacityProfile::ALL))),
            8 => Self::NoFragmentation(choice),
            _ => Self::NoSegmentation(choice),
        }
    }
}

impl Saying {
    /// What it is about: a later saying about the same thing overrides an earlier one.
    fn topic(&self) -> String {
        match self {
            Self::Property(property, _) => property.to_string(),
            Self::Interface(name, _) => format!("interface {name}"),
            Self::Pvd(name, _) => format!("pvd {name}"),
            Self::Message(of_message) => format!("message {:?}", std::mem::discriminant(of_message)),
            Self::Vendor(name, _) => (*name).to_owned(),
            other => format!("{:?}", std::mem::discriminant(other)),
        }
    }

    fn say(&self, to: &mut TransportProperties) {
        match *self {
            Self::Property(property, preference) => to.set(property, preference),
            Self::Interface(name, preference) => to.set(Interface::named(name), preference),
            Self::Pvd(name, preference) => to.set(Pvd::named(name), preference),
            Self::Multipath(multipath) => to.selection.set_multipath(multipath),
            Self::AdvertisesAltaddr(advertises) => to.selection.set_advertises_altaddr(advertises),
            Self::Direction(direction) => to.selection.set_direction(direction),
            Self::RecvChecksumLen(length) => to.connection.recv_checksum_len = length,
            Self::ConnPriority(priority) => to.connection.conn_priority = priority,
            Self::ConnTimeout(timeout) => to.connection.conn_timeout = timeout,
            Self::KeepAliveTimeout(timeout) => to.connection.keep_alive_timeout = timeout,
            Self::ConnScheduler(scheduler) => to.connection.conn_scheduler = scheduler,
            Self::ConnCapacityProfile(profile) => to.connection.conn_capacity_profile = profile,
            Self::MultipathPolicy(policy) => to.connection.multipath_policy = policy,
            Self::Rates([min_send, min_recv, max_send, max_recv]) => {
                to.connection.min_send_rate = min_send;
                to.connection.min_recv_rate = min_recv;
                to.connection.max_send_rate = max_send;
                to.connection.max_recv_rate = max_recv;
            }
            Self::GroupConnLimit(limit) => to.connection.group_conn_limit = limit,
            Self::IsolateSession(isolate) => to.connection.isolate_session = isolate,
            Self::Tcp(value, enabled, changeable) => {
                to.connection.tcp.user_timeout_value = value;
                to.connection.tcp.user_timeout_enabled = enabled;
                to.connection.tcp.user_timeout_changeable = changeable;
            }
            Self::Message(ref of_message) => of_message.say(&mut to.message),
            Self::RetransmitNotify(preference) => to.vendor.retransmit_notify = preference,
            Self::RetransmitNotifyThreshold(threshold) => to.vendor.retransmit_notify_threshold = threshold,
            Self::Vendor(name, ref value) => assert_eq!(to.add(name, value.clone()), Ok(())),
        }
    }
}

/// What JSON has of its own: a text that looks like a number stays a text.
fn vendor_value(g: &mut Gen) -> Value {
    match u8::arbitrary(g) % 3 {
        0 => bool::arbitrary(g).into(),
        1 => u64::arbitrary(g).into(),
        _ => String::arbitrary(g).chars().take(100).collect::<String>().into(),
    }
}

/// What can be set.
fn settable() -> impl Iterator<Item = &'static Descriptor> {
    ALL.iter().filter(|property| !property.read_only)
}

fn one_of<T: Copy>(g: &mut Gen, words: &[T]) -> T {
    g.choose(words).copied().unwrap_or(words[0])
}

/// Any time there is, the longest and the shortest too.
fn positive_time(g: &mut Gen) -> Option<Duration> {
    let time = Duration::new(u64::arbitrary(g) >> (u8::arbitrary(g) % 64), u32::arbitrary(g) % 1_000_000_000);
    Some(time).filter(|time| !time.is_zero() && bool::arbitrary(g))
}

impl Arbitrary for Saying {
    fn arbitrary(g: &mut Gen) -> Self {
        let preference = one_of(g, Preference::ALL);
        match u8::arbitrary(g) % 34 {
            0 => Self::Interface(one_of(g, &["eth0", "wlan0", "lo", "3"]), preference),
            1 => Self::Pvd(one_of(g, &["home", "voice.example.org"]), preference),
            2 => Self::Multipath(one_of(g, Multipath::ALL)),
            3 => Self::AdvertisesAltaddr(bool::arbitrary(g)),
            4 => Self::Direction(one_of(g, Direction::ALL)),
            5 => Self::RecvChecksumLen(Arbitrary::arbitrary(g)),
            6 => Self::ConnPriority(u32::arbitrary(g)),
            7 => Self::ConnTimeout(positive_time(g)),
            8 => Self::KeepAliveTimeout(positive_time(g)),
            9 => Self::ConnScheduler(one_of(g, Scheduler::ALL)),
            10 => Self::ConnCapacityProfile(one_of(g, CapacityProfile::ALL)),
            11 => Self::MultipathPolicy(one_of(g, MultipathPolicy::ALL)),
            12 => Self::Rates(std::array::from_fn(|_| Arbitrary::arbitrary(g))),
            13 => Self::GroupConnLimit(Arbitrary::arbitrary(g)),
            14 => Self::IsolateSession(bool::arbitrary(g)),
            15 => Self::Tcp(Arbitrary::arbitrary(g), bool::arbitrary(g), bool::arbitrary(g)),
            16..26 => Self::Message(OfMessage::arbitrary(g)),
            26 => Self::RetransmitNotify(preference),
            27 => Self::RetransmitNotifyThreshold(Arbitrary::arbitrary(g)),
            28 => Self::Vendor(one_of(g, &["_acme.colour", "_acme.depth", "_x"]), vendor_value(g)),
            _ => Self::Property(one_of(g, SelectionProperty::ALL), preference),
        }
    }
}

fn said(sayings: &[Saying]) -> TransportProperties {
    let mut properties = TransportProperties::new();
    for saying in sayings {
        saying.say(&mut properties);
    }
    properties
}

#[test]
fn properties_survive_json() {
    fn prop(sayings: Vec<Saying>) -> bool {
        let properties = said(&sayings);
        let json = serde_json::to_string(&properties).unwrap();
        let message = serde_json::to_string(&properties.message).unwrap();
        serde_json::from_str::<TransportProperties>(&json).unwrap() == properties
            && serde_json::from_str::<MessageProperties>(&message).unwrap() == properties.message
    }
    QuickCheck::new().tests(300).quickcheck(prop as fn(Vec<Saying>) -> bool);
}

#[test]
fn properties_survive_being_copied_by_name() {
    fn prop(sayings: Vec<Saying>) -> bool {
        let original = said(&sayings);
        let mut copy = TransportProperties::new();
        for property in settable() {
            let value = original.get_by_name(property.name).unwrap();
            copy.set_by_name(property.name, &value).unwrap();
        }
        settable().all(|p| copy.get(p.name) == original.get(p.name)) && copy.connection == original.connection
    }
    quickcheck(prop as fn(Vec<Saying>) -> bool);
}

#[test]
fn setting_what_was_read_changes_nothing_that_can_be_read() {
    fn prop(sayings: Vec<Saying>, which: usize) -> bool {
        let before = said(&sayings);
        let property = settable().nth(which % settable().count()).unwrap();
        let names = [property.name].into_iter().chain(property.neatpy);
        let same = |name: &str| {
            let (mut by_text, mut by_value) = (before.clone(), before.clone());
            by_text.set_by_name(property.name, &before.get_by_name(name).unwrap()).unwrap();
            by_value.add(property.name, before.get(name).unwrap()).unwrap();
            by_text == by_value && settable().all(|p| by_text.get(p.name) == before.get(p.name))
        };
        // One name of NEATPy stands for two properties, and reads as the first.
        names.filter(|name| *name != "singular-transmission").all(same)
    }
    quickcheck(prop as fn(Vec<Saying>, usize) -> bool);
}

#[test]
fn what_is_reset_is_as_if_it_had_never_been_said() {
    fn prop(sayings: Vec<Saying>) -> bool {
        let mut properties = said(&sayings);
        let said: Vec<String> = properties.said().map(|(name, _)| name.to_owned()).collect();
        said.iter().for_each(|name| properties.reset(name).unwrap());
        properties == TransportProperties::new()
    }
    quickcheck(prop as fn(Vec<Saying>) -> bool);
}

#[test]
fn what_is_said_of_a_message_overrides_what_is_said_of_all_and_nothing_else_does() {
    fn prop(of_one: Vec<OfMessage>, of_all: Vec<OfMessage>) -> bool {
        let [mut one, mut all] = [MessageProperties::new(); 2];
        of_one.iter().for_each(|saying| saying.say(&mut one));
        of_all.iter().for_each(|saying| saying.say(&mut all));
        let both: Vec<_> = one.or(&all).said().collect();
        let told = |of: &MessageProperties, name: &str| of.said().find(|(said, _)| *said == name);
        both.iter().all(|entry| told(&one, entry.0).or_else(|| told(&all, entry.0)).as_ref() == Some(entry))
            && one.said().chain(all.said()).all(|(name, _)| both.iter().any(|(said, _)| *said == name))
    }
    quickcheck(prop as fn(Vec<OfMessage>, Vec<OfMessage>) -> bool);
}

#[test]
fn the_order_of_sayings_about_different_things_is_irrelevant() {
    fn prop(sayings: Vec<Saying>, turn: usize) -> bool {
        let mut last_words: Vec<Saying> = Vec::new();
        for saying in sayings {
            last_words.retain(|earlier| earlier.topic() != saying.topic());
            last_words.push(saying);
        }
        let mut turned = last_words.clone();
        turned.reverse();
        let length = turned.len().max(1);
        turned.rotate_left(turn % length);
        said(&last_words) == said(&turned)
    }
    quickcheck(prop as fn(Vec<Saying>, usize) -> bool);
}

#[test]
fn no_text_is_too_strange_and_a_refused_one_changes_nothing() {
    fn prop(which: usize, name: String, value: String, sayings: Vec<Saying>) -> bool {
        let before = said(&sayings);
        let refused_or_known = |name: &str| {
            let mut after = before.clone();
            match after.set_by_name(name, &value) {
                Ok(()) => after.get(name).is_ok(),
                Err(error) => after == before && error.to_string().len() < 1_000,
            }
        };
        let known = &ALL[which % ALL.len()];
        refused_or_known(&name)
            && refused_or_known(&format!("_{name}"))
            && refused_or_known(known.name)
            && refused_or_known(known.neatpy.unwrap_or(known.name))
    }
    quickcheck(prop as fn(usize, String, String, Vec<Saying>) -> bool);
}

#[test]
fn no_json_is_too_strange() {
    /// A value that no property may have, or one may.
    #[derive(Clone, Debug)]
    struct Json(serde_json::Value);

    impl Arbitrary for Json {
        fn arbitrary(g: &mut Gen) -> Self {
            let words = ["eth0", "Require", "-1", "inf", "(1, 2)", "tcp.user-timeout=True", ""];
            let inner =
                |g: &mut Gen| if g.size() > 1 { Self::arbitrary(&mut Gen::new(1)).0 } else { 1.into() };
            Self(match u8::arbitrary(g) % 8 {
                0 => serde_json::Value::Null,
                1 => bool::arbitrary(g).into(),
                2 => f64::arbitrary(g).into(),
                3 => u64::arbitrary(g).into(),
                4 => i64::arbitrary(g).into(),
                5 => one_of(g, &words).into(),
                6 => vec![inner(g), inner(g)].into(),
                _ => [(one_of(g, &words).to_owned(), inner(g))].into_iter().collect(),
            })
        }
    }

    fn prop(which: usize, json: Json) -> bool {
        let known = &ALL[which % ALL.len()];
        let names = [Some(known.name), known.neatpy, Some("tcp-uto"), Some("max-send-rate / max-recv-rate")];
        names.into_iter().flatten().all(|name| {
            let object: serde_json::Value = [(name.to_owned(), json.0.clone())].into_iter().collect();
            let Ok(read) = serde_json::from_value::<TransportProperties>(object) else { return true };
            let written = serde_json::to_value(&read).unwrap();
            serde_json::from_value::<TransportProperties>(written).unwrap() == read
        })
    }
    QuickCheck::new().tests(1_000).quickcheck(prop as fn(usize, Json) -> bool);
}

#[test]
fn no_number_is_too_strange() {
    fn prop(number: f64, which: usize) -> bool {
        let mut properties = TransportProperties::new();
        let property = settable().nth(which % settable().count()).unwrap();
        // Accepted numbers are finite and not negative; NEATPy counts preferences down to -2, and writes -1 for none
        // and inf for ever.
        let neatpy = [-2.0, -1.0, f64::INFINITY].contains(&number);
        properties.add(property.name, number).is_err() || neatpy || (number.is_finite() && number >= 0.0)
    }
    QuickCheck::new().tests(2_000).quickcheck(prop as fn(f64, usize) -> bool);
}

#[test]
fn vendors_fill_no_memory() {
    fn prop(names: Vec<u16>, length: u16) -> bool {
        let mut properties = TransportProperties::new();
        let value = "x".repeat(length.into());
        for name in names {
            let kept = properties.add(&format!("_acme.{name}"), value.as_str());
            if let Err(error) = kept {
                assert!(
                    matches!(error, PropertyError::TooMany { .. } | PropertyError::TooLong { .. }),
                    "{error}"
                );
            }
        }
        properties.vendor.iter().count() <= VendorProperties::MAX_PROPERTIES
            && properties
                .vendor
                .iter()
                .all(|(_, value)| value.to_string().len() <= VendorProperties::MAX_LENGTH)
    }
    quickcheck(prop as fn(Vec<u16>, u16) -> bool);
}
