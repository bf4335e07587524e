//! Selection properties: how to choose paths and protocols (RFC 9622 §6.2).

use super::Preference;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

macro_rules! selection_properties {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $default:ident;)*) => {
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

            /// The preference when the application says nothing.
            pub const fn default_preference(self) -> Preference {
                match self {
                    $(Self::$variant => Preference::$default,)*
                }
            }
        }
    };
}

selection_properties! {
    /// All data arrives, once and unchanged. Default: Require. RFC 9622 §6.2.1.
    Reliability = "reliability", Require;
    /// The boundaries between messages arrive too. Default: No Preference. RFC 9622 §6.2.2.
    PreserveMsgBoundaries = "preserveMsgBoundaries", NoPreference;
    /// Each message may choose whether it is reliable. Default: No Preference. RFC 9622 §6.2.3.
    PerMsgReliability = "perMsgReliability", NoPreference;
    /// Data arrives in the order of sending. Default: Require. RFC 9622 §6.2.4.
    PreserveOrder = "preserveOrder", Require;
    /// A first message may travel with the establishment. Default: No Preference. RFC 9622 §6.2.5.
    ZeroRttMsg = "zeroRttMsg", NoPreference;
    /// Connections of one group become streams of one transport connection. Default: Prefer. RFC 9622 §6.2.6.
    Multistreaming = "multistreaming", Prefer;
    /// A checksum covers all that is sent. Default: Require. RFC 9622 §6.2.7.
    FullChecksumSend = "fullChecksumSend", Require;
    /// A checksum covers all that is received. Default: Require. RFC 9622 §6.2.8.
    FullChecksumRecv = "fullChecksumRecv", Require;
    /// The connection is congestion controlled. Default: Require. RFC 9622 §6.2.9.
    CongestionControl = "congestionControl", Require;
    /// An idle connection is kept alive. Default: No Preference. RFC 9622 §6.2.10.
    KeepAlive = "keepAlive", NoPreference;
    /// A temporary local address is used. Default: Prefer to initiate, Avoid to listen; read here as the
    /// default of a connection that is initiated. RFC 9622 §6.2.13.
    UseTemporaryLocalAddress = "useTemporaryLocalAddress", Prefer;
    /// Errors reported by the network are passed on as SoftError. Default: No Preference. RFC 9622 §6.2.17.
    SoftErrorNotify = "softErrorNotify", NoPreference;
    /// The initiator reads before it writes. Default: No Preference. RFC 9622 §6.2.18.
    ActiveReadBeforeSend = "activeReadBeforeSend", NoPreference;
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
    interfaces: Vec<(Preference, Arc<str>)>,
}

impl SelectionProperties {
    /// Sets the preference for a property; a later call overrides an earlier one.
    pub fn set(&mut self, property: SelectionProperty, preference: Preference) {
        self.said.insert(property, preference);
    }

    /// The preference for a property: what was said, or its default.
    pub fn preference(&self, property: SelectionProperty) -> Preference {
        self.said.get(&property).copied().unwrap_or_else(|| property.default_preference())
    }

    /// Whether the application itself said something of the property.
    pub fn is_explicit(&self, property: SelectionProperty) -> bool {
        self.said.contains_key(&property)
    }

    /// Sets the preference for an interface, by name; a later call for the same interface overrides an earlier
    /// one. RFC 9622 §6.2.11.
    pub fn set_interface(&mut self, name: impl Into<Arc<str>>, preference: Preference) {
        let name = name.into();
        self.interfaces.retain(|(_, known)| *known != name);
        self.interfaces.push((preference, name));
    }

    /// What was said of interfaces, in the order of saying.
    pub fn interfaces(&self) -> &[(Preference, Arc<str>)] {
        &self.interfaces
    }
}
