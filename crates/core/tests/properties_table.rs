//! The table of properties, row by row, against the lists of RFC 9622 and of NEATPy, written down a second time.

use neatflow_core::TransportProperties;
use neatflow_core::properties::{ALL, Kind, Scope};
use std::collections::BTreeSet;

/// One row: section, name, kind, unit, default, NEATPy's name, NEATPy's default if it is another one.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

/// RFC 9622 §6.2.
const SELECTION: [Row; 18] = [
    ("6.2.1", "reliability", "Preference", "", "Require", "reliability", ""),
    (
        "6.2.2",
        "preserveMsgBoundaries",
        "Preference",
        "",
        "No Preference",
        "preserve-msg-boundaries",
        "Prefer",
    ),
    ("6.2.3", "perMsgReliability", "Preference", "", "No Preference", "per-msg-reliability", ""),
    ("6.2.4", "preserveOrder", "Preference", "", "Require", "preserve-order", ""),
    ("6.2.5", "zeroRttMsg", "Preference", "", "No Preference", "zero-rtt-msg", ""),
    ("6.2.6", "multistreaming", "Preference", "", "Prefer", "multistreaming", ""),
    ("6.2.7", "fullChecksumSend", "Preference", "", "Require", "per-msg-checksum-len-send", "No Preference"),
    ("6.2.8", "fullChecksumRecv", "Preference", "", "Require", "per-msg-checksum-len-recv", "No Preference"),
    ("6.2.9", "congestionControl", "Preference", "", "Require", "congestion-control", ""),
    ("6.2.10", "keepAlive", "Preference", "", "No Preference", "", ""),
    ("6.2.11", "interface", "Set", "", "", "interface", ""),
    ("6.2.12", "pvd", "Set", "", "", "pvd", ""),
    (
        "6.2.13",
        "useTemporaryLocalAddress",
        "Preference",
        "",
        "Prefer to initiate, Avoid to listen",
        "local-address-preference",
        "",
    ),
    (
        "6.2.14",
        "multipath",
        "Disabled|Active|Passive",
        "",
        "Disabled to initiate, Passive to listen",
        "multipath",
        "Active",
    ),
    ("6.2.15", "advertisesAltaddr", "Boolean", "", "false", "", ""),
    (
        "6.2.16",
        "direction",
        "Bidirectional|Unidirectional send|Unidirectional receive",
        "",
        "Bidirectional",
        "direction",
        "",
    ),
    ("6.2.17", "softErrorNotify", "Preference", "", "No Preference", "soft-error-notify", ""),
    ("6.2.18", "activeReadBeforeSend", "Preference", "", "No Preference", "", ""),
];

const SCHEDULERS: &str = "First-Come, First-Served|Round-Robin|Round-Robin per Packet|Priority-Based|Fair Capacity|Weighted Fair Queueing";
const PROFILES: &str = "Default|Scavenger|Low Latency/Interactive|Low Latency/Non-Interactive|\
    Constant-Rate Streaming|Capacity-Seeking";
const STATES: &str = "Establishing|Established|Closing|Closed";

/// RFC 9622 §8.1, §8.2. What can only be read has no default.
const CONNECTION: [Row; 22] = [
    ("8.1.1", "recvChecksumLen", "Integer", "bytes", "Full Coverage", "recv-checksum-len", ""),
    ("8.1.2", "connPriority", "Integer", "", "100", "conn-prio", ""),
    ("8.1.3", "connTimeout", "Seconds", "s", "Disabled", "conn-timeout", ""),
    ("8.1.4", "keepAliveTimeout", "Seconds", "s", "Disabled", "", ""),
    ("8.1.5", "connScheduler", SCHEDULERS, "", "Weighted Fair Queueing", "conn-scheduler", ""),
    ("8.1.6", "connCapacityProfile", PROFILES, "", "Default", "conn-capacity-profile", ""),
    ("8.1.7", "multipathPolicy", "Handover|Interactive|Aggregate", "", "Handover", "", ""),
    ("8.1.8", "minSendRate", "Integer", "bit/s", "Unlimited", "", ""),
    ("8.1.8", "minRecvRate", "Integer", "bit/s", "Unlimited", "", ""),
    ("8.1.8", "maxSendRate", "Integer", "bit/s", "Unlimited", "max-send-rate", ""),
    ("8.1.8", "maxRecvRate", "Integer", "bit/s", "Unlimited", "max-recv-rate", ""),
    ("8.1.9", "groupConnLimit", "Integer", "", "Unlimited", "", ""),
    ("8.1.10", "isolateSession", "Boolean", "", "false", "", ""),
    ("8.1.11.1", "connState", STATES, "", "read-only", "state", ""),
    ("8.1.11.2", "canSend", "Boolean", "", "read-only", "send", ""),
    ("8.1.11.3", "canReceive", "Boolean", "", "read-only", "receive", ""),
    (
        "8.1.11.4",
        "singularTransmissionMsgMaxLen",
        "Integer",
        "bytes",
        "read-only",
        "singular-transmission-msg-max-len",
        "",
    ),
    ("8.1.11.5", "sendMsgMaxLen", "Integer", "bytes", "read-only", "send-msg-max-len", ""),
    ("8.1.11.6", "recvMsgMaxLen", "Integer", "bytes", "read-only", "recv-msg-max-len", ""),
    ("8.2.1", "tcp.userTimeoutValue", "Integer", "s", "TCP default", "tcp.user-timeout-value", "300"),
    ("8.2.2", "tcp.userTimeoutEnabled", "Boolean", "", "false", "tcp.user-timeout", ""),
    ("8.2.3", "tcp.userTimeoutChangeable", "Boolean", "", "true", "tcp.user-timeout-recv", ""),
];

/// RFC 9622 §9.1.3, and §9.3.3, which names its properties in words only.
const MESSAGE: [Row; 13] = [
    ("9.1.3.1", "msgLifetime", "Seconds", "s", "Infinite", "msg-lifetime", ""),
    ("9.1.3.2", "msgPriority", "Integer", "", "100", "msg-prio", ""),
    ("9.1.3.3", "msgOrdered", "Boolean", "", "as preserveOrder", "msg-ordered", "true"),
    ("9.1.3.4", "safelyReplayable", "Boolean", "", "false", "idempotent", ""),
    ("9.1.3.5", "final", "Boolean", "", "false", "final", ""),
    ("9.1.3.6", "msgChecksumLen", "Integer", "bytes", "Full Coverage", "msg-checksum-len", ""),
    ("9.1.3.7", "msgReliable", "Boolean", "", "as reliability", "msg-reliable", "true"),
    (
        "9.1.3.8",
        "msgCapacityProfile",
        PROFILES,
        "",
        "as connCapacityProfile",
        "msg-capacity-profile",
        "Default",
    ),
    ("9.1.3.9", "noFragmentation", "Boolean", "", "false", "singular-transmission", ""),
    ("9.1.3.10", "noSegmentation", "Boolean", "", "false", "singular-transmission", ""),
    ("9.3.3.1", "ecn", "Not-ECT|ECT(1)|ECT(0)|CE", "", "read-only", "ecn", ""),
    ("9.3.3.2", "earlyData", "Boolean", "", "read-only", "early-data", ""),
    ("9.3.3.3", "receivingFinalMessages", "Boolean", "", "read-only", "receiving-final-messages", ""),
];

/// What the RFC has no longer; NEATPy's documentation, sections 1.4 and 1.5.
const VENDOR: [Row; 3] = [
    ("1.4", "_neat.retransmitNotify", "Preference", "", "No Preference", "retransmit-notify", ""),
    ("1.5", "_neat.retransmitNotifyThreshold", "Integer", "", "Disabled", "retransmit-notify-threshold", ""),
    ("1.5", "_neat.zeroRttMsgMaxLen", "Integer", "bytes", "read-only", "zero-rtt-msg-max-len", ""),
];

fn expected() -> impl Iterator<Item = (Scope, &'static Row)> {
    let scoped = |scope: Scope, rows: &'static [Row]| rows.iter().map(move |row| (scope, row));
    scoped(Scope::Selection, &SELECTION)
        .chain(scoped(Scope::Connection, &CONNECTION))
        .chain(scoped(Scope::Message, &MESSAGE))
        .chain(scoped(Scope::Vendor, &VENDOR))
}

#[test]
fn every_row_of_the_table_is_what_the_documents_say() {
    assert_eq!(ALL.len(), expected().count());
    for (property, (scope, row)) in ALL.iter().zip(expected()) {
        let (section, name, kind, unit, default, neatpy, neatpy_default) = *row;
        let document = if scope == Scope::Vendor { "NEATPy 1.0.0 §" } else { "RFC 9622 §" };
        assert_eq!(property.section, format!("{document}{section}"), "{name}");
        assert_eq!((property.name, property.scope), (name, scope));
        let its_kind = match property.kind {
            Kind::Preference => "Preference".to_owned(),
            Kind::PreferenceSet => "Set".to_owned(),
            Kind::Enumeration(words) => words.join("|"),
            Kind::Boolean => "Boolean".to_owned(),
            Kind::Integer => "Integer".to_owned(),
            Kind::Seconds => "Seconds".to_owned(),
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(its_kind, kind, "{name}");
        assert_eq!(property.unit.unwrap_or_default(), unit, "{name}");
        assert_eq!(property.read_only, default == "read-only", "{name}");
        assert_eq!(property.default, if property.read_only { "" } else { default }, "{name}");
        assert_eq!(property.neatpy.unwrap_or_default(), neatpy, "{name}");
        assert_eq!(property.neatpy_default.unwrap_or_default(), neatpy_default, "{name}");
    }
}

#[test]
fn the_rfc_has_eighteen_selection_nineteen_connection_and_ten_message_properties() {
    let generic = CONNECTION.iter().filter(|row| row.0.starts_with("8.1."));
    let read_only = CONNECTION.iter().filter(|row| row.4 == "read-only").count();
    let messages = MESSAGE.iter().filter(|row| row.0.starts_with("9.1.3.")).count();
    assert_eq!((SELECTION.len(), generic.count() - read_only, read_only, messages), (18, 13, 6, 10));
}

#[test]
fn no_name_means_two_things() {
    let folded = |name: &str| name.replace(['-', '_'], "").to_ascii_lowercase();
    let names: BTreeSet<String> = ALL.iter().map(|property| folded(property.name)).collect();
    assert_eq!(names.len(), ALL.len());
    for property in ALL {
        let Some(alias) = property.neatpy else { continue };
        let others = ALL.iter().filter(|other| other.name != property.name);
        let clash = others.filter(|other| folded(other.name) == folded(alias)).count();
        assert_eq!(clash, 0, "{alias} is {} to NEATPy", property.name);
    }
}

#[test]
fn what_neatpy_assumes_is_what_the_table_says() {
    let neatpy = TransportProperties::neatpy();
    for property in ALL.iter().filter(|property| !property.read_only) {
        let rfc = TransportProperties::new().get_by_name(property.name).unwrap();
        let expected = property.neatpy_default.unwrap_or(&rfc);
        assert_eq!(neatpy.get_by_name(property.name).unwrap(), expected, "{}", property.name);
    }
    let differing: Vec<_> = neatpy.said().map(|(name, _)| name.to_owned()).collect();
    let expected: Vec<_> = ALL
        .iter()
        .filter(|property| property.neatpy_default.is_some())
        .map(|property| property.name)
        .collect();
    assert_eq!(differing, expected);
}
