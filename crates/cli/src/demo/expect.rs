//! What the demo expects, and what it says when it gets something else.

use std::fmt;

/// Something went other than expected.
#[derive(Debug)]
pub(super) struct Wrong(String);

/// Goes on if `found` is what is expected.
pub(super) fn expect<T: PartialEq + fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), Wrong> {
    if found == expected {
        return Ok(());
    }
    Err(Wrong(format!("{what}: expected {expected:?}, got {found:?}")))
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Self(what)
    }
}

impl From<&str> for Wrong {
    fn from(what: &str) -> Self {
        Self(what.to_owned())
    }
}

macro_rules! wrong_from {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Wrong {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        }
    )*};
}

wrong_from!(
    std::io::Error,
    neatflow::Error,
    neatflow::ListenFailure,
    neatflow::ReceiveFailure,
    std::sync::Arc<neatflow::EstablishmentFailure>,
);
