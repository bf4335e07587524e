//! Selection properties: how to choose paths and protocols (RFC 9622 §6.2).

use super::descriptor::{Access, Accessors, Descriptor, Kind, Scope};
use super::text::{Text, set_from_value};
use super::{Direction, Multipath, Preference, Role, TransportProperties};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

macro_rules! selection_properties {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $section:literal, $default:ident $(/ $listen:ident)?, $neatpy:expr $(, $neatpy_default:ident)?;)*) => {
        /// A feature of a transport that an application may wish for or refuse: the selection properties of
        /// type Preference.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum SelectionProperty {
            $($(#[$doc])* $variant,)*
        }

        impl SelectionProperty {
            /// Every one of them, in the order of the RFC.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name, as the RFC spells it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The preference of a connection opened from here when the application says nothing.
            pub const fn default_preference(self) -> Preference {
                match self {
                    $(Self::$variant => Preference::$default,)*
                }
            }

            /// The preference of a listener or a rendezvous when the application says nothing.
            const fn default_to_listen(self) -> Preference {
                match self {
                    $($(Self::$variant => Preference::$listen,)?)*
                    _ => self.default_preference(),
                }
            }

            const fn descriptor(self) -> Descriptor {
                match self {
                    $(Self::$variant => Descriptor {
                        default: {
                            const LISTEN: &[Preference] = &[$(Preference::$listen)?];
                            if LISTEN.is_empty() { Preference::$default.name() } else { BY_ROLE }
                        },
                        neatpy: $neatpy,
                        neatpy_default: first(&[$(Preference::$neatpy_default.name())?]),
                        ..row($name, Kind::Preference, concat!("RFC 9622 ", $section), Accessors {
                            get: |wanted| wanted.selection.preference(Self::$variant).into(),
                            set: |wanted, value| {
                                wanted.selection.set(Self::$variant, Preference::from_value(value)?);
                                Ok(())
                            },
                            said: |wanted| wanted.selection.is_explicit(Self::$variant),
                            reset: |wanted| wanted.selection.unset(Self::$variant),
                        })
                    },)*
                }
            }
        }
    };
}

const fn first(words: &[&'static str]) -> Option<&'static str> {
    if let [word, ..] = words { Some(*word) } else { None }
}

/// A row without default.
const fn row(
    name: &'static str,
    kind: Kind,
    section: &'static str,
    accessors: Accessors<TransportProperties>,
) -> Descriptor {
    Descriptor {
        name,
        kind,
        unit: None,
        section,
        default: "",
        scope: Scope::Selection,
        read_only: false,
        neatpy: None,
        neatpy_default: None,
        access: Access::Transport(accessors),
    }
}

/// What the one preference with two defaults says of them.
const BY_ROLE: &str = "Prefer to initiate, Avoid to listen";

selection_properties! {
    /// All data arrives, once and unchanged. Default: Require. RFC 9622 §6.2.1.
    Reliability = "reliability", "§6.2.1", Require, Some("reliability");
    /// The boundaries between messages arrive too. Default: No Preference. RFC 9622 §6.2.2.
    PreserveMsgBoundaries = "preserveMsgBoundaries", "§6.2.2", NoPreference, Some("preserve-msg-boundaries"), Prefer;
    /// Each message may choose whether it is reliable. Default: No Preference. RFC 9622 §6.2.3.
    PerMsgReliability = "perMsgReliability", "§6.2.3", NoPreference, Some("per-msg-reliability");
    /// Data arrives in the order of sending. Default: Require. RFC 9622 §6.2.4.
    PreserveOrder = "preserveOrder", "§6.2.4", Require, Some("preserve-order");
    /// A first message may travel with the establishment. Default: No Preference. RFC 9622 §6.2.5.
    ZeroRttMsg = "zeroRttMsg", "§6.2.5", NoPreference, Some("zero-rtt-msg");
    /// Connections of one group become streams of one transport connection. Default: Prefer. RFC 9622 §6.2.6.
    Multistreaming = "multistreaming", "§6.2.6", Prefer, Some("multistreaming");
    /// A checksum covers all that is sent. Default: Require. RFC 9622 §6.2.7.
    FullChecksumSend = "fullChecksumSend", "§6.2.7", Require, Some("per-msg-checksum-len-send"), NoPreference;
    /// A checksum covers all that is received. Default: Require. RFC 9622 §6.2.8.
    FullChecksumRecv = "fullChecksumRecv", "§6.2.8", Require, Some("per-msg-checksum-len-recv"), NoPreference;
    /// The connection is congestion controlled. Default: Require. RFC 9622 §6.2.9.
    CongestionControl = "congestionControl", "§6.2.9", Require, Some("congestion-control");
    /// An idle connection is kept alive. Default: No Preference. RFC 9622 §6.2.10.
    KeepAlive = "keepAlive", "§6.2.10", NoPreference, None;
    /// A temporary local address is used. Default: Prefer to initiate, Avoid to listen and to rendezvous.
    /// RFC 9622 §6.2.13.
    UseTemporaryLocalAddress = "useTemporaryLocalAddress", "§6.2.13", Prefer / Avoid, Some("local-address-preference");
    /// Errors reported by the network are passed on as SoftError. Default: No Preference. RFC 9622 §6.2.17.
    SoftErrorNotify = "softErrorNotify", "§6.2.17", NoPreference, Some("soft-error-notify");
    /// The initiator reads before it writes. Default: No Preference. RFC 9622 §6.2.18.
    ActiveReadBeforeSend = "activeReadBeforeSend", "§6.2.18", NoPreference, None;
}

const INTERFACE: Descriptor = Descriptor {
    neatpy: Some("interface"),
    ..row(
        "interface",
        Kind::PreferenceSet,
        "RFC 9622 §6.2.11",
        Accessors {
            get: |wanted| wanted.selection.interfaces().to_vec().into(),
            set: |wanted, value| {
                wanted.selection.interfaces.replace(set_from_value(value)?);
                Ok(())
            },
            said: |wanted| !wanted.selection.interfaces().is_empty(),
            reset: |wanted| wanted.selection.interfaces = PreferenceSet::default(),
        },
    )
};

const PVD: Descriptor = Descriptor {
    neatpy: Some("pvd"),
    ..row(
        "pvd",
        Kind::PreferenceSet,
        "RFC 9622 §6.2.12",
        Accessors {
            get: |wanted| wanted.selection.pvds().to_vec().into(),
            set: |wanted, value| {
                wanted.selection.pvds.replace(set_from_value(value)?);
                Ok(())
            },
            said: |wanted| !wanted.selection.pvds().is_empty(),
            reset: |wanted| wanted.selection.pvds = PreferenceSet::default(),
        },
    )
};

const MULTIPATH: Descriptor = Descriptor {
    default: "Disabled to initiate, Passive to listen",
    neatpy: Some("multipath"),
    neatpy_default: Some(Multipath::Active.name()),
    ..row(
        "multipath",
        Multipath::KIND,
        "RFC 9622 §6.2.14",
        Accessors {
            get: |wanted| wanted.selection.multipath(Role::Initiate).into(),
            set: |wanted, value| {
                wanted.selection.set_multipath(Multipath::from_value(value)?);
                Ok(())
            },
            said: |wanted| wanted.selection.multipath.is_some(),
            reset: |wanted| wanted.selection.multipath = None,
        },
    )
};

const ADVERTISES_ALTADDR: Descriptor = Descriptor {
    default: "false",
    ..row(
        "advertisesAltaddr",
        bool::KIND,
        "RFC 9622 §6.2.15",
        Accessors {
            get: |wanted| wanted.selection.advertises_altaddr().into(),
            set: |wanted, value| {
                wanted.selection.set_advertises_altaddr(bool::from_value(value)?);
                Ok(())
            },
            said: |wanted| wanted.selection.advertises_altaddr(),
            reset: |wanted| wanted.selection.advertises_altaddr = false,
        },
    )
};

const DIRECTION: Descriptor = Descriptor {
    default: Direction::Bidirectional.name(),
    neatpy: Some("direction"),
    ..row(
        "direction",
        Direction::KIND,
        "RFC 9622 §6.2.16",
        Accessors {
            get: |wanted| wanted.selection.direction().into(),
            set: |wanted, value| {
                wanted.selection.set_direction(Direction::from_value(value)?);
                Ok(())
            },
            said: |wanted| wanted.selection.direction() != Direction::Bidirectional,
            reset: |wanted| wanted.selection.direction = Direction::Bidirectional,
        },
    )
};

/// The eighteen selection properties, in the order of the RFC.
pub(super) const TABLE: [Descriptor; 18] = [
    SelectionProperty::Reliability.descriptor(),
    SelectionProperty::PreserveMsgBoundaries.descriptor(),
    SelectionProperty::PerMsgReliability.descriptor(),
    SelectionProperty::PreserveOrder.descriptor(),
    SelectionProperty::ZeroRttMsg.descriptor(),
    SelectionProperty::Multistreaming.descriptor(),
    SelectionProperty::FullChecksumSend.descriptor(),
    SelectionProperty::FullChecksumRecv.descriptor(),
    SelectionProperty::CongestionControl.descriptor(),
    SelectionProperty::KeepAlive.descriptor(),
    INTERFACE,
    PVD,
    SelectionProperty::UseTemporaryLocalAddress.descriptor(),
    MULTIPATH,
    ADVERTISES_ALTADDR,
    DIRECTION,
    SelectionProperty::SoftErrorNotify.descriptor(),
    SelectionProperty::ActiveReadBeforeSend.descriptor(),
];

impl SelectionProperty {
    /// The preference when the application says nothing, which for one of them depends on the role.
    pub const fn default_for(self, role: Role) -> Preference {
        match role {
            Role::Initiate => self.default_preference(),
            Role::Listen | Role::Rendezvous => self.default_to_listen(),
        }
    }
}

impl fmt::Display for SelectionProperty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an application said of paths and protocols; what it did not say has its default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SelectionProperties {
    said: BTreeMap<SelectionProperty, Preference>,
    interfaces: PreferenceSet,
    pvds: PreferenceSet,
    multipath: Option<Multipath>,
    advertises_altaddr: bool,
    direction: Direction,
}

impl SelectionProperties {
    /// Sets the preference for a property; a later call overrides an earlier one.
    pub fn set(&mut self, property: SelectionProperty, preference: Preference) {
        self.said.insert(property, preference);
    }

    /// Unsays the preference for a property: it has its default again.
    pub fn unset(&mut self, property: SelectionProperty) {
        self.said.remove(&property);
    }

    /// The preference for a property: what was said, or its default for a connection that is opened from here.
    pub fn preference(&self, property: SelectionProperty) -> Preference {
        self.preference_to(property, Role::Initiate)
    }

    /// The preference for a property: what was said, or its default in this role.
    pub fn preference_to(&self, property: SelectionProperty, role: Role) -> Preference {
        self.said.get(&property).copied().unwrap_or_else(|| property.default_for(role))
    }

    /// Whether the application itself said something of the property.
    pub fn is_explicit(&self, property: SelectionProperty) -> bool {
        self.said.contains_key(&property)
    }

    /// Sets the preference for an interface, by name; a later call for the same interface overrides an earlier
    /// one, and No Preference takes it out of the set. RFC 9622 §6.2.11.
    pub fn set_interface(&mut self, name: impl Into<Arc<str>>, preference: Preference) {
        self.interfaces.set(name.into(), preference);
    }

    /// What was said of interfaces, in the order of their names: it is a set.
    pub fn interfaces(&self) -> &[(Preference, Arc<str>)] {
        &self.interfaces.0
    }

    /// Sets the preference for a provisioning domain, by name; a later call for the same one overrides an earlier
    /// one, and No Preference takes it out of the set. RFC 9622 §6.2.12.
    pub fn set_pvd(&mut self, name: impl Into<Arc<str>>, preference: Preference) {
        self.pvds.set(name.into(), preference);
    }

    /// What was said of provisioning domains, in the order of their names: it is a set.
    pub fn pvds(&self) -> &[(Preference, Arc<str>)] {
        &self.pvds.0
    }

    /// Sets whether, and how, several paths are used. RFC 9622 §6.2.14.
    pub fn set_multipath(&mut self, multipath: Multipath) {
        self.multipath = Some(multipath);
    }

    /// Whether, and how, several paths are used. Default: Passive to listen, Disabled otherwise. RFC 9622 §6.2.14.
    pub fn multipath(&self, role: Role) -> Multipath {
        self.multipath.unwrap_or(match role {
            Role::Listen => Multipath::Passive,
            Role::Initiate | Role::Rendezvous => Multipath::Disabled,
        })
    }

    /// Sets whether the peer is told of other addresses. RFC 9622 §6.2.15.
    pub fn set_advertises_altaddr(&mut self, advertises: bool) {
        self.advertises_altaddr = advertises;
    }

    /// Whether the peer is told of other addresses. Default: false. RFC 9622 §6.2.15.
    pub fn advertises_altaddr(&self) -> bool {
        self.advertises_altaddr
    }

    /// Sets in which direction data will flow. RFC 9622 §6.2.16.
    pub fn set_direction(&mut self, direction: Direction) {
        self.direction = direction;
    }

    /// In which direction data will flow. Default: Bidirectional. RFC 9622 §6.2.16.
    pub fn direction(&self) -> Direction {
        self.direction
    }
}

/// A preference for each of some names, sorted by name. What has no preference is not in it.
#[derive(Clone, Debug, Default, PartialEq)]
struct PreferenceSet(Vec<(Preference, Arc<str>)>);

impl PreferenceSet {
    fn set(&mut self, name: Arc<str>, preference: Preference) {
        let found = self.0.binary_search_by(|(_, known)| known.cmp(&name));
        match (found, preference) {
            (Ok(at), Preference::NoPreference) => {
                self.0.remove(at);
            }
            (Err(_), Preference::NoPreference) => {}
            (Ok(at), _) => self.0[at].0 = preference,
            (Err(at), _) => self.0.insert(at, (preference, name)),
        }
    }

    fn replace(&mut self, entries: Vec<(Preference, Arc<str>)>) {
        self.0.clear();
        for (preference, name) in entries {
            self.set(name, preference);
        }
    }
}
