//! The security protocols there are.

use super::SecurityError;
use std::fmt;
use std::str::FromStr;

/// A security protocol and its version (RFC 9622 §6.3.1). QUIC has TLS 1.3 within.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SecurityProtocol {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
    /// DTLS 1.2 (RFC 6347).
    Dtls12,
    /// DTLS 1.3 (RFC 9147).
    Dtls13,
}

impl SecurityProtocol {
    /// Every one of them.
    pub const ALL: &'static [Self] = &[Self::Tls12, Self::Tls13, Self::Dtls12, Self::Dtls13];

    /// The name, as the RFC spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "tls_1_2",
            Self::Tls13 => "tls_1_3",
            Self::Dtls12 => "dtls_1_2",
            Self::Dtls13 => "dtls_1_3",
        }
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SecurityProtocol {
    type Err = SecurityError;

    /// Reads a name: `tls_1_3`, in any case.
    fn from_str(text: &str) -> Result<Self, SecurityError> {
        let named = Self::ALL.iter().find(|protocol| protocol.name().eq_ignore_ascii_case(text)).copied();
        named.ok_or_else(|| SecurityError::name("allowedSecurityProtocols", text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_no_other() {
        for protocol in SecurityProtocol::ALL {
            assert_eq!(protocol.to_string().parse(), Ok(*protocol));
            assert_eq!(protocol.name().to_uppercase().parse(), Ok(*protocol));
        }
        assert!("ssl_3_0".parse::<SecurityProtocol>().is_err());
    }
}
