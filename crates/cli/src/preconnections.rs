//! What was said on the command line, as preconnections.

use crate::args::{Place, Reach};
use crate::report::Report;
use neatflow::properties::{Interface, Profile};
use neatflow::{Error, Preconnection, RemoteEndpoint, SelectionProperty, Transport, TransportProperties};

impl Reach {
    /// Whom to reach.
    pub(crate) fn remote(&self) -> RemoteEndpoint {
        self.host.clone().port(self.port)
    }

    /// A connection to be made, on a transport of its own.
    pub(crate) fn preconnection(&self, report: &Report) -> Result<Preconnection, Error> {
        let builder = self.name_servers.on(self.policies.on(Transport::builder(), report));
        #[cfg(unix)]
        let builder = match &self.policy_socket {
            Some(socket) => builder.policy_daemon(neatflow::remote_policy::Config::new(socket)),
            None => builder,
        };
        let transport = builder.start();
        let mut preconnection =
            Preconnection::new(&transport).remote(self.remote()).properties(self.wishes.on(self.base())?);
        if let Some(local) = &self.local {
            preconnection = preconnection.local(local.clone());
        }
        if let Some(interface) = &self.interface {
            preconnection = preconnection.require(Interface::named(interface.as_str()));
        }
        if let Some(timeout) = self.timeout {
            preconnection = preconnection.timeout(timeout);
        }
        Ok(preconnection)
    }

    /// What is asked for when nothing more is said. Reports of the network come unasked; to prefer them for every
    /// profile would choose a transport by them.
    fn base(&self) -> TransportProperties {
        let base = self.wishes.profile().map(TransportProperties::from).unwrap_or_default();
        match self.wishes.profile() {
            Some(Profile::UnreliableDatagram) => base.prefer(SelectionProperty::SoftErrorNotify),
            _ => base,
        }
    }
}

impl Place {
    /// A listener to be, on a transport of its own.
    pub(crate) fn preconnection(&self, report: &Report) -> Result<Preconnection, Error> {
        // It was looked at before anything was begun.
        let local = self.endpoint().unwrap_or_default();
        let wanted = self.wishes.on(self.base())?;
        let transport = self.policies.on(Transport::builder(), report).start();
        let preconnection = Preconnection::new(&transport).local(local).properties(wanted);
        Ok(match &self.interface {
            Some(interface) => preconnection.require(Interface::named(interface.as_str())),
            None => preconnection,
        })
    }

    /// What is asked for when nothing more is said: without a profile, whatever a peer may come by.
    fn base(&self) -> TransportProperties {
        use SelectionProperty::{CongestionControl, PreserveOrder, Reliability};
        if let Some(profile) = self.wishes.profile() {
            return profile.into();
        }
        let mut any = TransportProperties::new()
            .no_preference(Reliability)
            .no_preference(PreserveOrder)
            .no_preference(CongestionControl);
        any.message.safely_replayable = Some(true);
        any
    }
}
