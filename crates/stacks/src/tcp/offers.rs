//! What TCP offers, and what one connection of it obtained.

use crate::socket::{TEMPORARY_ADDRESSES, is_temporary};
use neatflow_core::SelectionProperty::{
    ActiveReadBeforeSend, CongestionControl, FullChecksumRecv, FullChecksumSend, KeepAlive, PreserveOrder,
    Reliability, UseTemporaryLocalAddress,
};
use neatflow_core::{Offer, Offers, Preference, SelectionProperties};
use std::net::IpAddr;

/// What TCP offers. Message boundaries, reliability of single messages, streams and data in the handshake it does
/// not have. Soft errors it keeps to itself: Linux reports what a router said of an established connection only
/// when the connection has failed of it.
pub(super) fn offered() -> Offers {
    [Reliability, PreserveOrder, CongestionControl, FullChecksumSend, FullChecksumRecv]
        .into_iter()
        .fold(Offers::none(), |offers, property| offers.with(property, Offer::Always))
        .with(KeepAlive, Offer::Optional)
        .with(ActiveReadBeforeSend, Offer::Optional)
        .with(UseTemporaryLocalAddress, TEMPORARY_ADDRESSES)
}

/// What one connection obtained: every `Optional` decided.
pub(super) fn obtained(wanted: &SelectionProperties, keep_alive: bool, local: IpAddr) -> Offers {
    // Who speaks first is up to the two ends; TCP fits either way.
    let may_read_first = wanted.preference(ActiveReadBeforeSend) >= Preference::NoPreference;
    offered()
        .with(KeepAlive, decided(keep_alive))
        .with(ActiveReadBeforeSend, decided(may_read_first))
        .with(UseTemporaryLocalAddress, decided(is_temporary(local)))
}

const fn decided(has: bool) -> Offer {
    if has { Offer::Always } else { Offer::Never }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neatflow_core::SelectionProperty;

    #[test]
    fn tcp_fulfils_what_an_application_gets_by_default() {
        let wanted = SelectionProperties::default();
        assert_eq!(offered().violations(&wanted), []);
        assert_eq!(obtained(&wanted, false, IpAddr::from([127, 0, 0, 1])).violations(&wanted), []);
    }

    #[test]
    fn nothing_obtained_is_left_undecided() {
        let offers = obtained(&SelectionProperties::default(), true, IpAddr::from([127, 0, 0, 1]));
        for property in SelectionProperty::ALL {
            assert_ne!(offers.offer(*property), Offer::Optional, "{property}");
        }
    }

    #[test]
    fn reading_first_is_had_by_those_who_require_it_and_not_by_those_who_prohibit_it() {
        for preference in [Preference::Require, Preference::Prohibit] {
            let mut wanted = SelectionProperties::default();
            wanted.set(ActiveReadBeforeSend, preference);
            assert_eq!(obtained(&wanted, false, IpAddr::from([127, 0, 0, 1])).violations(&wanted), []);
        }
    }
}
