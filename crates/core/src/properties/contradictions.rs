//! What can be seen to be impossible without looking at stacks and interfaces (RFC 9623 §3.1).

use super::{Preference, PropertyError, SelectionProperty, TransportProperties};
use std::num::NonZeroU64;
use std::sync::Arc;

/// A feature that nothing can have without the other: requiring the first and prohibiting the second is impossible.
const IMPLIED: &[(SelectionProperty, SelectionProperty)] =
    &[(SelectionProperty::PerMsgReliability, SelectionProperty::Reliability)];

impl TransportProperties {
    /// Whether the properties agree with each other. It needs no stack and no network, and says nothing of them.
    ///
    /// *Errors*: [`PropertyError::Contradiction`] for the first contradiction found; it becomes
    /// `InvalidConfiguration` when a connection or a listener is asked for.
    pub fn validate(&self) -> Result<(), PropertyError> {
        let found =
            self.implied().or_else(|| self.places()).or_else(|| self.rates()).or_else(|| self.times());
        found.map_or(Ok(()), |why| Err(PropertyError::Contradiction(why.into())))
    }

    fn implied(&self) -> Option<String> {
        let said = |property: &SelectionProperty| self.selection.preference(*property);
        let contradictory = |(one, other): &&(SelectionProperty, SelectionProperty)| {
            said(one) == Preference::Require && said(other) == Preference::Prohibit
        };
        let (one, other) = IMPLIED.iter().find(contradictory)?;
        Some(format!("{one} is required, and {other}, without which there is none, is prohibited"))
    }

    fn places(&self) -> Option<String> {
        let two_required = |what: &str, set: &[(Preference, Arc<str>)]| {
            let mut required = set.iter().filter(|(preference, _)| *preference == Preference::Require);
            let (one, other) = (required.next()?, required.next()?);
            Some(format!("two {what}s are required, and a path has one: {} and {}", one.1, other.1))
        };
        two_required("interface", self.selection.interfaces())
            .or_else(|| two_required("provisioning domain", self.selection.pvds()))
    }

    fn rates(&self) -> Option<String> {
        let crossed = |direction: &str, min: Option<NonZeroU64>, max: Option<NonZeroU64>| {
            let (min, max) = (min?, max?);
            (min > max).then(|| format!("min{direction}Rate {min} is above max{direction}Rate {max}"))
        };
        let connection = &self.connection;
        crossed("Send", connection.min_send_rate, connection.max_send_rate)
            .or_else(|| crossed("Recv", connection.min_recv_rate, connection.max_recv_rate))
    }

    fn times(&self) -> Option<String> {
        let times = [
            ("connTimeout", self.connection.conn_timeout),
            ("keepAliveTimeout", self.connection.keep_alive_timeout),
            ("msgLifetime", self.message.lifetime()),
        ];
        let zero = times.iter().find(|(_, time)| time.is_some_and(|time| time.is_zero()))?;
        Some(format!("{} is zero; it must be positive", zero.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::EstablishmentFailure;
    use crate::properties::{Interface, Lifetime, Pvd, TransportProperties};
    use std::time::Duration;

    #[test]
    fn unreliable_transports_have_no_reliable_messages() {
        let wanted = TransportProperties::new()
            .prohibit(SelectionProperty::Reliability)
            .require(SelectionProperty::PerMsgReliability);
        let error = wanted.validate().unwrap_err();
        assert!(error.to_string().contains("perMsgReliability"), "{error}");
        assert!(matches!(error.into(), EstablishmentFailure::InvalidConfiguration(_)));
        assert_eq!(wanted.avoid(SelectionProperty::Reliability).validate(), Ok(()));
    }

    #[test]
    fn a_path_has_one_interface_and_one_provisioning_domain() {
        let one = TransportProperties::new().require(Interface::named("eth0")).require(Pvd::named("home"));
        assert_eq!(one.validate(), Ok(()));
        assert!(one.clone().require(Interface::named("wlan0")).validate().is_err());
        assert!(one.require(Pvd::named("work")).validate().is_err());
    }

    #[test]
    fn bounds_that_cross_and_times_of_zero_are_contradictions() {
        let mut rates = TransportProperties::new();
        rates.set_by_name("minSendRate", "1000").unwrap();
        rates.set_by_name("maxSendRate", "1000").unwrap();
        assert_eq!(rates.validate(), Ok(()));
        rates.set_by_name("maxSendRate", "999").unwrap();
        assert!(rates.validate().is_err());

        let mut times = TransportProperties::new();
        times.connection.conn_timeout = Some(Duration::ZERO);
        assert!(times.validate().is_err());

        let mut messages = TransportProperties::new();
        messages.message.msg_lifetime = Some(Lifetime::Limited(Duration::ZERO));
        assert!(messages.validate().is_err());
        messages.message.msg_lifetime = Some(Lifetime::Infinite);
        assert_eq!(messages.validate(), Ok(()));
    }
}
