//! What UDP offers, and what one connection of it obtained.

use crate::socket::{TEMPORARY_ADDRESSES, is_temporary};
use neatflow_core::SelectionProperty::{
    ActiveReadBeforeSend, FullChecksumRecv, FullChecksumSend, PreserveMsgBoundaries, SoftErrorNotify,
    UseTemporaryLocalAddress, ZeroRttMsg,
};
use neatflow_core::{Offer, Offers, Preference, SelectionProperties, SelectionProperty};
use std::net::IpAddr;

/// What UDP offers. The network may lose, reorder and double datagrams, so it fits only messages that are safely
/// replayable. The checksum covers all of a datagram: IPv4 could do without, but nothing here does.
pub(super) fn offered() -> Offers {
    [PreserveMsgBoundaries, FullChecksumSend, FullChecksumRecv]
        .into_iter()
        .fold(Offers::none(), |offers, property| offers.with(property, Offer::Always))
        .with_duplicates(true)
        .with(SoftErrorNotify, Offer::Optional)
        .with(ActiveReadBeforeSend, Offer::Optional)
        .with(ZeroRttMsg, Offer::Optional)
        .with(UseTemporaryLocalAddress, TEMPORARY_ADDRESSES)
}

/// What one connection obtained: every `Optional` decided.
pub(super) fn obtained(wanted: &SelectionProperties, local: IpAddr) -> Offers {
    let unless_unwanted = |property| decided(is_welcome(wanted, property));
    offered()
        .with(SoftErrorNotify, unless_unwanted(SoftErrorNotify))
        // Who speaks first is up to the two ends.
        .with(ActiveReadBeforeSend, unless_unwanted(ActiveReadBeforeSend))
        // The first message is in the first packet in any case.
        .with(ZeroRttMsg, unless_unwanted(ZeroRttMsg))
        .with(UseTemporaryLocalAddress, decided(is_temporary(local)))
}

/// Whether the network's reports are to be told.
pub(super) fn soft_errors(wanted: &SelectionProperties) -> bool {
    is_welcome(wanted, SoftErrorNotify)
}

fn is_welcome(wanted: &SelectionProperties, property: SelectionProperty) -> bool {
    wanted.preference(property) >= Preference::NoPreference
}

const fn decided(has: bool) -> Offer {
    if has { Offer::Always } else { Offer::Never }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neatflow_core::TransportProperties;

    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn nobody_gets_udp_without_giving_up_what_it_lacks() {
        use SelectionProperty::{CongestionControl, PreserveOrder, Reliability};
        let lacks = [Reliability, PreserveOrder, CongestionControl];
        assert_eq!(offered().violations(&SelectionProperties::default()), lacks);
        let given_up =
            lacks.into_iter().fold(TransportProperties::new(), TransportProperties::avoid).selection;
        assert_eq!(offered().violations(&given_up), []);
        assert_eq!(obtained(&given_up, LOOPBACK).violations(&given_up), []);
    }

    #[test]
    fn nothing_obtained_is_left_undecided() {
        let offers = obtained(&SelectionProperties::default(), LOOPBACK);
        for property in SelectionProperty::ALL {
            assert_ne!(offers.offer(*property), Offer::Optional, "{property}");
        }
    }

    #[test]
    fn what_may_be_had_or_not_follows_the_wish() {
        for property in [SoftErrorNotify, ActiveReadBeforeSend, ZeroRttMsg] {
            for preference in [Preference::Require, Preference::Prohibit] {
                let mut wanted = SelectionProperties::default();
                wanted.set(property, preference);
                let had = obtained(&wanted, LOOPBACK).offer(property) == Offer::Always;
                assert_eq!(had, preference == Preference::Require, "{property}");
            }
        }
    }
}
