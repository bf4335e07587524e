//! Certificates and keys, as data: bytes, or where to find them.

use bytes::Bytes;
use std::fmt;
use std::path::PathBuf;

/// Certificates, that of an end first, each the next one's issue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateChain {
    /// Each in DER.
    Der(Vec<Bytes>),
    /// All in one file, in PEM; it is read when a connection needs it.
    PemFile(PathBuf),
}

/// A private key. Its bytes are in no output of `Debug`.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrivateKey {
    /// In DER: PKCS #8, PKCS #1 or SEC 1.
    Der(Bytes),
    /// In a file, in PEM; it is read when a connection needs it.
    PemFile(PathBuf),
}

/// Who we are: certificates, and the key that goes with the first of them (RFC 9622 §6.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateBundle {
    /// The certificates.
    pub chain: CertificateChain,
    /// The key; `None` if it is kept elsewhere (in a hardware module) and used by a callback.
    pub key: Option<PrivateKey>,
}

/// A key that both ends have, and the name by which they speak of it (RFC 9622 §6.3.7). The key is in no output of
/// `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PreSharedKey {
    identity: Bytes,
    key: Bytes,
}

impl CertificateBundle {
    /// Certificates and a key in PEM files.
    pub fn pem_files(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { chain: CertificateChain::PemFile(chain.into()), key: Some(PrivateKey::PemFile(key.into())) }
    }

    /// Certificates and a key in DER.
    pub fn der(chain: impl IntoIterator<Item: Into<Bytes>>, key: impl Into<Bytes>) -> Self {
        let chain = CertificateChain::Der(chain.into_iter().map(Into::into).collect());
        Self { chain, key: Some(PrivateKey::Der(key.into())) }
    }

    pub(super) fn is_hollow(&self) -> bool {
        self.chain.is_hollow() || self.key.as_ref().is_some_and(PrivateKey::is_hollow)
    }
}

impl CertificateChain {
    /// Whether there is nothing where something should be.
    pub(super) fn is_hollow(&self) -> bool {
        match self {
            Self::Der(chain) => chain.is_empty() || chain.iter().any(Bytes::is_empty),
            Self::PemFile(path) => path.as_os_str().is_empty(),
        }
    }
}

impl PrivateKey {
    fn is_hollow(&self) -> bool {
        match self {
            Self::Der(key) => key.is_empty(),
            Self::PemFile(path) => path.as_os_str().is_empty(),
        }
    }
}

impl PreSharedKey {
    /// This key, by this name.
    pub fn new(identity: impl Into<Bytes>, key: impl Into<Bytes>) -> Self {
        Self { identity: identity.into(), key: key.into() }
    }

    /// The name: not a secret, it is sent in the clear.
    pub fn identity(&self) -> &Bytes {
        &self.identity
    }

    /// The key.
    pub fn key(&self) -> &Bytes {
        &self.key
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Der(_) => f.write_str("Der(hidden)"),
            Self::PemFile(path) => f.debug_tuple("PemFile").field(path).finish(),
        }
    }
}

impl fmt::Debug for PreSharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreSharedKey({:?}, hidden)", self.identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_in_what_is_printed() {
        let printed = format!(
            "{:?} {:#?}",
            PreSharedKey::new("door", "sesame"),
            CertificateBundle::der(["certificate"], "sesame")
        );
        assert!(printed.contains("door") && printed.contains("certificate"), "{printed}");
        let bytes = format!("{:?}", b"sesame");
        assert!(!printed.contains("sesame") && !printed.contains(&bytes), "{printed}");
    }
}
