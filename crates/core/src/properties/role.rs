//! Which side of an establishment we are.

/// How a connection comes about; two defaults depend on it (RFC 9622 §6.2.13, §6.2.14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// It is opened from here.
    #[default]
    Initiate,
    /// It is accepted here.
    Listen,
    /// Both sides open it.
    Rendezvous,
}
