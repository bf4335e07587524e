//! The policies and profiles that are there without any configuration.
//!
//! Among them is what NEAT ships, corrected where it could not work: its default profile required an interface of
//! another system, and its socket options had names that no system knows.

use super::files::load;
use super::pib::Pib;
use crate::time::Time;

/// The files, by name and text.
pub const FILES: &[(&str, &str)] = &[
    ("default.profile", include_str!("built_in/default.profile")),
    ("interactive.profile", include_str!("built_in/interactive.profile")),
    ("low_latency.profile", include_str!("built_in/low_latency.profile")),
    ("message_transports.profile", include_str!("built_in/message_transports.profile")),
    ("reliable_transports.profile", include_str!("built_in/reliable_transports.profile")),
    ("elephant_flows.policy", include_str!("built_in/elephant_flows.policy")),
    ("low_latency_tcp.policy", include_str!("built_in/low_latency_tcp.policy")),
    ("mptcp.policy", include_str!("built_in/mptcp.policy")),
];

/// The policies and profiles that are there without any configuration.
pub fn pib() -> Pib {
    load(FILES.iter().copied(), Time::ZERO).pib
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_understood() {
        let loaded = load(FILES.iter().copied(), Time::ZERO);
        assert_eq!(loaded.refused, []);
        assert_eq!(loaded.pib.len(), FILES.len());
        for (name, _) in FILES {
            let uid = name.rsplit_once('.').unwrap().0;
            assert!(loaded.pib.get(uid).is_some_and(|policy| !policy.description.is_empty()), "{name}");
        }
    }
}
