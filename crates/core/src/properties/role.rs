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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::{Multipath, Preference, SelectionProperty, TransportProperties};

    #[test]
    fn two_defaults_depend_on_the_role_and_what_is_said_does_not() {
        let property = SelectionProperty::UseTemporaryLocalAddress;
        let defaults = TransportProperties::new().selection;
        let said = TransportProperties::new().require(property).multipath(Multipath::Active).selection;
        for (role, preference, multipath) in [
            (Role::Initiate, Preference::Prefer, Multipath::Disabled),
            (Role::Listen, Preference::Avoid, Multipath::Passive),
            (Role::Rendezvous, Preference::Avoid, Multipath::Disabled),
        ] {
            assert_eq!(defaults.preference_to(property, role), preference);
            assert_eq!(defaults.multipath(role), multipath);
            assert_eq!(said.preference_to(property, role), Preference::Require);
            assert_eq!(said.multipath(role), Multipath::Active);
        }
    }
}
