//! Sets of properties that are often wanted together.

use super::enumerations::enumeration;
use super::{MessageProperties, Preference, SelectionProperty, TransportProperties};
use Preference::{Avoid, NoPreference, Require};
use SelectionProperty::{CongestionControl, PreserveMsgBoundaries, PreserveOrder, Reliability};

enumeration! {
    /// A set of properties that are often wanted together (RFC 9622 appendix B.2).
    Profile {
        /// A stream of bytes, as TCP gives it. RFC 9622 appendix B.2.1.
        #[default]
        ReliableInorderStream = "reliable-inorder-stream",
        /// Messages that all arrive, in order, as SCTP gives them. RFC 9622 appendix B.2.2.
        ReliableMessage = "reliable-message",
        /// Messages that may be lost, reordered or duplicated, as UDP gives them. RFC 9622 appendix B.2.3.
        UnreliableDatagram = "unreliable-datagram",
    }
}

impl Profile {
    fn preferences(self) -> [(SelectionProperty, Preference); 4] {
        let [reliability, order, congestion_control, boundaries] = match self {
            Self::ReliableInorderStream => [Require, Require, Require, NoPreference],
            Self::ReliableMessage => [Require, Require, Require, Require],
            Self::UnreliableDatagram => [Avoid, Avoid, NoPreference, Require],
        };
        [
            (Reliability, reliability),
            (PreserveOrder, order),
            (CongestionControl, congestion_control),
            (PreserveMsgBoundaries, boundaries),
        ]
    }
}

impl From<Profile> for TransportProperties {
    fn from(profile: Profile) -> Self {
        let wanted = profile.preferences().into_iter();
        let mut properties =
            wanted.fold(Self::new(), |all, (property, preference)| all.with(property, preference));
        if profile == Profile::UnreliableDatagram {
            properties.message =
                MessageProperties { safely_replayable: Some(true), ..MessageProperties::new() };
        }
        properties
    }
}

impl TransportProperties {
    /// A stream of bytes: reliable, in order, congestion controlled. RFC 9622 appendix B.2.1.
    pub fn reliable_inorder_stream() -> Self {
        Profile::ReliableInorderStream.into()
    }

    /// Messages: reliable, in order, congestion controlled, with their boundaries. RFC 9622 appendix B.2.2.
    pub fn reliable_message() -> Self {
        Profile::ReliableMessage.into()
    }

    /// Datagrams: their boundaries are kept, and they may be lost, reordered or duplicated. RFC 9622 appendix B.2.3.
    pub fn unreliable_datagram() -> Self {
        Profile::UnreliableDatagram.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_profile_says_what_the_appendix_says() {
        let names = [
            "reliability",
            "preserveOrder",
            "congestionControl",
            "preserveMsgBoundaries",
            "safelyReplayable",
        ];
        for (profile, values) in [
            (
                TransportProperties::reliable_inorder_stream(),
                ["Require", "Require", "Require", "No Preference", "false"],
            ),
            (TransportProperties::reliable_message(), ["Require", "Require", "Require", "Require", "false"]),
            (
                TransportProperties::unreliable_datagram(),
                ["Avoid", "Avoid", "No Preference", "Require", "true"],
            ),
        ] {
            assert_eq!(names.map(|name| profile.get_by_name(name).unwrap()), values);
            assert_eq!(profile.validate(), Ok(()));
        }
    }

    #[test]
    fn profiles_are_read_by_name() {
        for (text, profile) in [
            ("reliable-inorder-stream", Profile::ReliableInorderStream),
            ("RELIABLE_MESSAGE", Profile::ReliableMessage),
            ("unreliableDatagram", Profile::UnreliableDatagram),
            ("3", Profile::UnreliableDatagram),
        ] {
            assert_eq!(text.parse(), Ok(profile));
        }
        assert!("reliable".parse::<Profile>().is_err());
    }
}
