//! The words some properties choose from.

macro_rules! enumeration {
    ($(#[$doc:meta])* $name:ident { $($(#[$word:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$word])* $variant,)*
        }

        impl $name {
            /// Every one of them, in the order of the RFC.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Their names, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($text),*];

            /// The name, as the RFC spells it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::properties::ValueFault;

            /// Reads a name; case, spaces, hyphens, slashes and underscores do not matter. What NEATPy writes
            /// instead is understood as well.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                use $crate::properties::{names::same_words, neatpy::Alias};
                let named = Self::ALL.iter().find(|word| same_words(word.name(), text)).copied();
                named
                    .or_else(|| Self::alias(text.trim()))
                    .ok_or($crate::properties::ValueFault::NotOneOf(Self::NAMES))
            }
        }
    };
}
pub(super) use enumeration;

enumeration! {
    /// Whether, and how, a connection uses several paths at a time (RFC 9622 §6.2.14).
    Multipath {
        /// It uses one path.
        #[default]
        Disabled = "Disabled",
        /// It asks the peer for several paths.
        Active = "Active",
        /// It takes part if the peer asks.
        Passive = "Passive",
    }
}

enumeration! {
    /// In which direction an application uses a connection (RFC 9622 §6.2.16).
    Direction {
        /// It sends and receives.
        #[default]
        Bidirectional = "Bidirectional",
        /// It only sends.
        UnidirectionalSend = "Unidirectional send",
        /// It only receives.
        UnidirectionalReceive = "Unidirectional receive",
    }
}

enumeration! {
    /// How the connections of a group share what capacity there is (RFC 8260 §3).
    Scheduler {
        /// In the order of sending.
        FirstComeFirstServed = "First-Come, First-Served",
        /// A message of each in turn.
        RoundRobin = "Round-Robin",
        /// A packet of each in turn.
        RoundRobinPerPacket = "Round-Robin per Packet",
        /// The most important one first, strictly.
        PriorityBased = "Priority-Based",
        /// The same number of bytes to each.
        FairCapacity = "Fair Capacity",
        /// Bytes according to priority.
        #[default]
        WeightedFairQueueing = "Weighted Fair Queueing",
    }
}

enumeration! {
    /// How the network should treat a connection (RFC 9622 §8.1.6).
    CapacityProfile {
        /// Best effort. DSCP 0.
        #[default]
        Default = "Default",
        /// Less than best effort. DSCP 1 (RFC 8622).
        Scavenger = "Scavenger",
        /// Low latency for a person at the other end: no Nagle. DSCP 34 (AF41).
        LowLatencyInteractive = "Low Latency/Interactive",
        /// Low latency without a person. DSCP 18 (AF21).
        LowLatencyNonInteractive = "Low Latency/Non-Interactive",
        /// A constant rate. DSCP 26 (AF31).
        ConstantRateStreaming = "Constant-Rate Streaming",
        /// As much as there is. DSCP 10 (AF11).
        CapacitySeeking = "Capacity-Seeking",
    }
}

enumeration! {
    /// What several paths are used for (RFC 9622 §8.1.7).
    MultipathPolicy {
        /// Another path when the first is lost.
        #[default]
        Handover = "Handover",
        /// Low latency for interactive traffic.
        Interactive = "Interactive",
        /// The capacity of all paths together.
        Aggregate = "Aggregate",
    }
}

impl CapacityProfile {
    /// The differentiated services code point that marks it.
    pub const fn dscp(self) -> u8 {
        match self {
            Self::Default => 0,
            Self::Scavenger => 1,
            Self::LowLatencyInteractive => 34,
            Self::LowLatencyNonInteractive => 18,
            Self::ConstantRateStreaming => 26,
            Self::CapacitySeeking => 10,
        }
    }
}
