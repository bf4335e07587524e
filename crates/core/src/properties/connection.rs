//! Connection properties: how to run what was chosen (RFC 9622 §8.1).

use std::time::Duration;

/// How the network should treat a connection (RFC 9622 §8.1.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CapacityProfile {
    /// Best effort. DSCP 0.
    #[default]
    Default,
    /// Less than best effort. DSCP 1 (RFC 8622).
    Scavenger,
    /// Low latency for a person at the other end: no Nagle. DSCP 34 (AF41).
    LowLatencyInteractive,
    /// Low latency without a person. DSCP 18 (AF21).
    LowLatencyNonInteractive,
    /// A constant rate. DSCP 26 (AF31).
    ConstantRateStreaming,
    /// As much as there is. DSCP 10 (AF11).
    CapacitySeeking,
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

/// How to run what was chosen.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ConnectionProperties {
    /// How long data may stay undelivered before the connection counts as failed; `None` = never (default).
    /// RFC 9622 §8.1.3 (`connTimeout`).
    pub conn_timeout: Option<Duration>,
    /// How long a connection may be idle before a keep-alive is sent; `None` = none is sent (default).
    /// RFC 9622 §8.1.4 (`keepAliveTimeout`).
    pub keep_alive_timeout: Option<Duration>,
    /// How the network should treat the connection. RFC 9622 §8.1.6 (`connCapacityProfile`).
    pub conn_capacity_profile: CapacityProfile,
}
