//! Everything an application asks of transport security, in one value.

use super::{CertificateBundle, CertificateChain, PreSharedKey, SecurityError, SecurityProtocol};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// Whether a connection is secured (RFC 9622 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Security {
    /// It is, and the peer is authenticated; otherwise there is no connection.
    #[default]
    Required,
    /// It is if that is possible, without authentication; a connection without security is one, too.
    Opportunistic,
    /// It is not.
    Disabled,
}

/// Everything an application asks of transport security (RFC 9622 §6.3). What is not said is chosen by the stack, and
/// safely.
///
/// ```
/// # use neatflow_core::security::{CertificateBundle, SecurityParameters, SecurityProtocol};
/// let server = SecurityParameters::new()
///     .server_certificate(CertificateBundle::pem_files("server.pem", "server.key"))
///     .allowed_security_protocols([SecurityProtocol::Tls13])
///     .alpn(["h2"]);
/// server.validate()?;
/// # Ok::<(), neatflow_core::security::SecurityError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecurityParameters {
    /// Whether a connection is secured. Default: it is required.
    pub security: Security,
    /// The protocols and versions that may be used; `None` = the best there are (default).
    /// RFC 9622 §6.3.1 (`allowedSecurityProtocols`).
    pub allowed_security_protocols: Option<Vec<SecurityProtocol>>,
    /// Who we are to those who connect to us; used for nothing else (RFC 9621 §6). Default: nobody.
    /// RFC 9622 §6.3.2 (`serverCertificate`).
    pub server_certificate: Vec<CertificateBundle>,
    /// Who we are to those we connect to; used for nothing else (RFC 9621 §6). Default: nobody.
    /// RFC 9622 §6.3.2 (`clientCertificate`).
    pub client_certificate: Vec<CertificateBundle>,
    /// The only servers to connect to; empty = any that is trusted (default).
    /// RFC 9622 §6.3.3 (`pinnedServerCertificate`).
    pub pinned_server_certificate: Vec<CertificateChain>,
    /// The application protocols to agree upon, the preferred one first; `None` = as the stack sees fit (default).
    /// RFC 9622 §6.3.4 (`alpn`), RFC 7301.
    pub alpn: Option<Vec<Bytes>>,
    /// The groups that may be used, by name (`secp256r1`); `None` = safe ones (default).
    /// RFC 9622 §6.3.5 (`supportedGroup`).
    pub supported_group: Option<Vec<Arc<str>>>,
    /// The cipher suites that may be used, by name (`TLS_AES_128_GCM_SHA256`); `None` = safe ones (default).
    /// RFC 9622 §6.3.5 (`ciphersuite`).
    pub ciphersuite: Option<Vec<Arc<str>>>,
    /// The signature algorithms that may be used, by name (`ecdsa_secp256r1_sha256`); `None` = safe ones (default).
    /// RFC 9622 §6.3.5 (`signatureAlgorithm`).
    pub signature_algorithm: Option<Vec<Arc<str>>>,
    /// How many sessions are kept to be resumed; 0 = none, `None` = as the stack sees fit (default).
    /// RFC 9622 §6.3.6 (`maxCachedSessions`).
    pub max_cached_sessions: Option<u32>,
    /// How long a session is kept; `None` = as the stack sees fit (default).
    /// RFC 9622 §6.3.6 (`cachedSessionLifetimeSeconds`).
    pub cached_session_lifetime: Option<Duration>,
    /// The key that both ends have. Default: none. RFC 9622 §6.3.7 (`preSharedKey`).
    pub pre_shared_key: Option<PreSharedKey>,
}

impl SecurityParameters {
    /// A list has at most this many entries.
    pub const MAX_ENTRIES: usize = 64;

    /// The identity of a pre-shared key, and the key, have at most this many bytes (RFC 8446 §4.2.11).
    pub const MAX_PRE_SHARED_KEY: usize = 65_535;

    /// Security is required, by the best means there are. RFC 9622 §6.3 (`NewSecurityParameters`).
    pub fn new() -> Self {
        Self::default()
    }

    /// No security. RFC 9622 §6.3 (`NewDisabledSecurityParameters`).
    pub fn disabled() -> Self {
        Self { security: Security::Disabled, ..Self::default() }
    }

    /// Security without authentication if there can be some, and none otherwise.
    /// RFC 9622 §6.3 (`NewOpportunisticSecurityParameters`).
    pub fn opportunistic() -> Self {
        Self { security: Security::Opportunistic, ..Self::default() }
    }

    /// Allows these protocols and versions only. RFC 9622 §6.3.1.
    #[must_use]
    pub fn allowed_security_protocols(
        mut self,
        protocols: impl IntoIterator<Item = SecurityProtocol>,
    ) -> Self {
        self.allowed_security_protocols = Some(protocols.into_iter().collect());
        self
    }

    /// Adds one we are to those who connect to us. RFC 9622 §6.3.2.
    #[must_use]
    pub fn server_certificate(mut self, bundle: CertificateBundle) -> Self {
        self.server_certificate.push(bundle);
        self
    }

    /// Adds one we are to those we connect to. RFC 9622 §6.3.2.
    #[must_use]
    pub fn client_certificate(mut self, bundle: CertificateBundle) -> Self {
        self.client_certificate.push(bundle);
        self
    }

    /// Adds a server that may be connected to; then no other may that was not added. RFC 9622 §6.3.3.
    #[must_use]
    pub fn pinned_server_certificate(mut self, chain: CertificateChain) -> Self {
        self.pinned_server_certificate.push(chain);
        self
    }

    /// Offers these application protocols, the preferred one first. RFC 9622 §6.3.4.
    #[must_use]
    pub fn alpn(mut self, protocols: impl IntoIterator<Item: Into<Bytes>>) -> Self {
        self.alpn = Some(protocols.into_iter().map(Into::into).collect());
        self
    }

    /// Allows these groups only. RFC 9622 §6.3.5.
    #[must_use]
    pub fn supported_group(mut self, names: impl IntoIterator<Item: Into<Arc<str>>>) -> Self {
        self.supported_group = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Allows these cipher suites only. RFC 9622 §6.3.5.
    #[must_use]
    pub fn ciphersuite(mut self, names: impl IntoIterator<Item: Into<Arc<str>>>) -> Self {
        self.ciphersuite = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Allows these signature algorithms only. RFC 9622 §6.3.5.
    #[must_use]
    pub fn signature_algorithm(mut self, names: impl IntoIterator<Item: Into<Arc<str>>>) -> Self {
        self.signature_algorithm = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Keeps at most so many sessions to be resumed; 0 keeps none. RFC 9622 §6.3.6.
    #[must_use]
    pub fn max_cached_sessions(mut self, sessions: u32) -> Self {
        self.max_cached_sessions = Some(sessions);
        self
    }

    /// Keeps a session for so long. RFC 9622 §6.3.6.
    #[must_use]
    pub fn cached_session_lifetime(mut self, lifetime: Duration) -> Self {
        self.cached_session_lifetime = Some(lifetime);
        self
    }

    /// Uses a key that both ends have. RFC 9622 §6.3.7.
    #[must_use]
    pub fn pre_shared_key(mut self, key: PreSharedKey) -> Self {
        self.pre_shared_key = Some(key);
        self
    }

    /// Whether this protocol may be used: any may unless some were named, and none if security is disabled.
    pub fn allows(&self, protocol: SecurityProtocol) -> bool {
        let named = self.allowed_security_protocols.as_ref();
        self.security != Security::Disabled && named.is_none_or(|named| named.contains(&protocol))
    }

    /// Whether the parameters agree with each other. It looks at no file and at no stack.
    ///
    /// *Errors*: the first thing that makes no sense; it becomes `InvalidConfiguration` when a connection or a
    /// listener is asked for.
    pub fn validate(&self) -> Result<(), SecurityError> {
        self.check_lists()?;
        self.check_credentials()?;
        if self.cached_session_lifetime.is_some_and(|lifetime| lifetime.is_zero()) {
            return Err(SecurityError::Zero);
        }
        match self.security {
            Security::Disabled if *self != Self::disabled() => Err(SecurityError::Contradiction(
                "security is disabled, and parameters of it are given".into(),
            )),
            Security::Opportunistic if !self.pinned_server_certificate.is_empty() => {
                let why = "opportunistic security authenticates nobody, and pinnedServerCertificate is given";
                Err(SecurityError::Contradiction(why.into()))
            }
            _ => Ok(()),
        }
    }

    fn check_lists(&self) -> Result<(), SecurityError> {
        if let Some(protocols) = &self.allowed_security_protocols {
            check_list("allowedSecurityProtocols", protocols)?;
        }
        if let Some(protocols) = &self.alpn {
            check_list("alpn", protocols)?;
            // RFC 7301 §3.1: one byte for the length.
            if let Some(wrong) = protocols.iter().find(|name| !(1..=255).contains(&name.len())) {
                return Err(SecurityError::name("alpn", &String::from_utf8_lossy(wrong)));
            }
        }
        for (parameter, names) in [
            ("supportedGroup", &self.supported_group),
            ("ciphersuite", &self.ciphersuite),
            ("signatureAlgorithm", &self.signature_algorithm),
        ] {
            let Some(names) = names else { continue };
            check_list(parameter, names)?;
            if let Some(wrong) = names.iter().find(|name| !is_name(name)) {
                return Err(SecurityError::name(parameter, wrong));
            }
        }
        Ok(())
    }

    fn check_credentials(&self) -> Result<(), SecurityError> {
        let hollow = CertificateBundle::is_hollow;
        check_all("serverCertificate", &self.server_certificate, hollow)?;
        check_all("clientCertificate", &self.client_certificate, hollow)?;
        check_all("pinnedServerCertificate", &self.pinned_server_certificate, CertificateChain::is_hollow)?;
        let Some(key) = &self.pre_shared_key else { return Ok(()) };
        for (part, length) in [("identity", key.identity().len()), ("key", key.key().len())] {
            if !(1..=Self::MAX_PRE_SHARED_KEY).contains(&length) {
                return Err(SecurityError::PreSharedKey { part, length, limit: Self::MAX_PRE_SHARED_KEY });
            }
        }
        Ok(())
    }
}

/// A list of what is allowed: it allows something, and is not endless.
fn check_list<T>(parameter: &'static str, list: &[T]) -> Result<(), SecurityError> {
    if list.is_empty() {
        Err(SecurityError::NothingAllowed(parameter))
    } else {
        check_length(parameter, list)
    }
}

fn check_all<T>(parameter: &'static str, list: &[T], is_hollow: fn(&T) -> bool) -> Result<(), SecurityError> {
    check_length(parameter, list)?;
    if list.iter().any(is_hollow) { Err(SecurityError::Empty(parameter)) } else { Ok(()) }
}

fn check_length<T>(parameter: &'static str, list: &[T]) -> Result<(), SecurityError> {
    let limit = SecurityParameters::MAX_ENTRIES;
    if list.len() > limit { Err(SecurityError::TooMany { parameter, limit }) } else { Ok(()) }
}

/// Whether registries could have such a name: letters, digits, underscores and hyphens.
fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use SecurityParameters as P;

    #[test]
    fn nothing_said_is_secure() {
        let nothing_said = P::new();
        assert_eq!(nothing_said.security, Security::Required);
        assert_eq!(nothing_said.validate(), Ok(()));
        assert!(SecurityProtocol::ALL.iter().all(|protocol| nothing_said.allows(*protocol)));
    }

    #[test]
    fn only_the_protocols_that_were_named_are_allowed() {
        let tls = P::new().allowed_security_protocols([SecurityProtocol::Tls13]);
        assert!(tls.allows(SecurityProtocol::Tls13) && !tls.allows(SecurityProtocol::Tls12));
        assert!(!P::disabled().allows(SecurityProtocol::Tls13));
        assert!(P::opportunistic().allows(SecurityProtocol::Tls13));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let bundle = CertificateBundle::pem_files("chain.pem", "");
        let chain = || CertificateChain::Der(vec![Bytes::from_static(b"der")]);
        for (parameters, why) in [
            (P::new().allowed_security_protocols([]), "allowedSecurityProtocols is empty"),
            (P::new().alpn([""]), "alpn cannot have \"\""),
            (P::new().alpn(["x".repeat(256)]), "alpn cannot have"),
            (P::new().alpn(vec!["h2"; 65]), "alpn has more than 64 entries"),
            (P::new().supported_group(["secp 256"]), "supportedGroup cannot have \"secp 256\""),
            (P::new().ciphersuite([""]), "ciphersuite cannot have"),
            (P::new().signature_algorithm(Vec::<Arc<str>>::new()), "signatureAlgorithm is empty"),
            (P::new().server_certificate(bundle.clone()), "serverCertificate has something"),
            (P::new().client_certificate(bundle), "clientCertificate has something"),
            (
                P::new().pinned_server_certificate(CertificateChain::Der(Vec::new())),
                "pinnedServerCertificate",
            ),
            (P::new().cached_session_lifetime(Duration::ZERO), "cachedSessionLifetimeSeconds"),
            (
                P::new().pre_shared_key(PreSharedKey::new("", "key")),
                "the identity of preSharedKey has 0 bytes",
            ),
            (P::new().pre_shared_key(PreSharedKey::new("name", "")), "the key of preSharedKey has 0 bytes"),
            (P::disabled().alpn(["h2"]), "security is disabled"),
            (P::opportunistic().pinned_server_certificate(chain()), "opportunistic"),
        ] {
            let error = parameters.validate().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_makes_sense_is_not_refused() {
        let all = P::new()
            .allowed_security_protocols([SecurityProtocol::Tls12, SecurityProtocol::Tls13])
            .server_certificate(CertificateBundle::der(["certificate", "issuer"], "key"))
            .client_certificate(CertificateBundle {
                chain: CertificateChain::PemFile("me.pem".into()),
                key: None,
            })
            .pinned_server_certificate(CertificateChain::PemFile("them.pem".into()))
            .alpn(["h2", "http/1.1"])
            .supported_group(["secp256r1"])
            .ciphersuite(["TLS_AES_128_GCM_SHA256"])
            .signature_algorithm(["ecdsa_secp256r1_sha256"])
            .max_cached_sessions(0)
            .cached_session_lifetime(Duration::from_secs(3_600))
            .pre_shared_key(PreSharedKey::new("door", "sesame"));
        assert_eq!(all.validate(), Ok(()));
        assert!(!format!("{all:?}").contains("sesame"));
        assert_eq!(P::disabled().validate(), Ok(()));
        assert_eq!(P::opportunistic().alpn(["h2"]).validate(), Ok(()));
    }
}
