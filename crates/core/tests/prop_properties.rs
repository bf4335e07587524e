//! Properties: what is said survives every round trip, and the order of saying is irrelevant.

use neatflow_core::properties::{
    ALL, CapacityProfile, Direction, Interface, Multipath, MultipathPolicy, Pvd, Scheduler,
};
use neatflow_core::{Preference, SelectionProperty, TransportProperties};
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
}

impl Saying {
    /// What it is about: a later saying about the same thing overrides an earlier one.
    fn topic(&self) -> String {
        match self {
            Self::Property(property, _) => property.to_string(),
            Self::Interface(name, _) => format!("interface {name}"),
            Self::Pvd(name, _) => format!("pvd {name}"),
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
        }
    }
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
        match u8::arbitrary(g) % 22 {
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
        serde_json::from_str::<TransportProperties>(&json).unwrap() == properties
    }
    QuickCheck::new().tests(2_000).quickcheck(prop as fn(Vec<Saying>) -> bool);
}

#[test]
fn properties_survive_being_copied_by_name() {
    fn prop(sayings: Vec<Saying>) -> bool {
        let original = said(&sayings);
        let mut copy = TransportProperties::new();
        for property in ALL {
            let value = original.get_by_name(property.name).unwrap();
            copy.set_by_name(property.name, &value).unwrap();
        }
        ALL.iter().all(|p| copy.get_by_name(p.name) == original.get_by_name(p.name))
            && copy.connection == original.connection
    }
    quickcheck(prop as fn(Vec<Saying>) -> bool);
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
        let strange_name = before.clone().set_by_name(&name, &value).is_err();
        let mut after = before.clone();
        let known = ALL[which % ALL.len()].name;
        let unchanged = after.set_by_name(known, &value).is_ok() || after == before;
        (strange_name || ALL.iter().any(|p| p.name.eq_ignore_ascii_case(&name))) && unchanged
    }
    quickcheck(prop as fn(usize, String, String, Vec<Saying>) -> bool);
}

#[test]
fn no_number_is_too_strange() {
    fn prop(number: f64, which: usize) -> bool {
        let mut properties = TransportProperties::new();
        let name = ALL[which % ALL.len()].name;
        // Accepted numbers are finite and positive, or a count that may be zero.
        properties.set_by_name(name, &number.to_string()).is_err() || (number.is_finite() && number >= 0.0)
    }
    QuickCheck::new().tests(2_000).quickcheck(prop as fn(f64, usize) -> bool);
}
