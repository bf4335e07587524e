//! What is said before there is a connection.

use crate::Transport;
use actix::prelude::*;
use neatflow_actors::flow::Connection;
use neatflow_actors::listener::{AcceptFilter, Incoming, Listener, Staff};
use neatflow_actors::placement::Placement;
use neatflow_actors::subscription::{EventSet, Subscriber};
use neatflow_actors::transport::Transport as Root;
use neatflow_actors::transport::messages::{Initiate, Listen, ResolveEndpoints};
use neatflow_core::framing::{Framer, Framers, Limits};
use neatflow_core::policy::neat::Alternatives;
use neatflow_core::policy::{Application, Request};
use neatflow_core::properties::{Selector, Value};
use neatflow_core::security::{Security, SecurityParameters};
use neatflow_core::{
    EndpointError, Error, EstablishmentFailure, ListenFailure, LocalEndpoint, Message, RemoteEndpoint,
    TransportProperties,
};
use std::sync::Arc;
use std::time::Duration;

/// A remote endpoint, or what can become one: an address, `("host", port)`, or a text such as `localhost:7000`.
pub trait IntoRemote: TryInto<RemoteEndpoint, Error: Into<EndpointError>> {}

impl<T: TryInto<RemoteEndpoint, Error: Into<EndpointError>>> IntoRemote for T {}

/// A local endpoint, or what can become one: an address, or a text such as `127.0.0.1:7000`.
pub trait IntoLocal: TryInto<LocalEndpoint, Error: Into<EndpointError>> {}

impl<T: TryInto<LocalEndpoint, Error: Into<EndpointError>>> IntoLocal for T {}

/// Endpoints, properties and subscriptions of connections to come (RFC 9622 §6).
///
/// It is passive and may be used again: every `initiate` and `listen` takes a snapshot, and later changes do not
/// affect what was made before.
#[derive(Clone, Debug)]
#[must_use = "a preconnection does nothing until `initiate` or `listen`"]
pub struct Preconnection {
    transport: Transport,
    locals: Vec<LocalEndpoint>,
    remotes: Vec<RemoteEndpoint>,
    properties: TransportProperties,
    timeout: Option<Duration>,
    subscribers: Vec<Subscriber>,
    staff: Vec<Staff>,
    filters: Vec<AcceptFilter>,
    /// `None` = not said.
    placement: Option<Placement>,
    security: SecurityParameters,
    framers: Framers,
    /// The first thing that was said and makes no sense; told when it matters.
    wrong: Option<Error>,
}

impl Preconnection {
    /// Nothing said yet.
    pub fn new(transport: &Transport) -> Self {
        Self {
            transport: transport.clone(),
            locals: Vec::new(),
            remotes: Vec::new(),
            properties: TransportProperties::new(),
            timeout: None,
            subscribers: Vec::new(),
            staff: Vec::new(),
            filters: Vec::new(),
            placement: None,
            security: SecurityParameters::disabled(),
            framers: Framers::new(),
            wrong: None,
        }
    }

    /// Whom to reach; several are alternatives, in the order given. For `listen`: from where connections are
    /// taken. RFC 9622 §6.1.
    pub fn remote(mut self, remote: impl IntoRemote) -> Self {
        match remote.try_into() {
            Ok(remote) => self.remotes.push(remote),
            Err(error) => self.go_wrong(error.into().into()),
        }
        self
    }

    /// From where to reach, or where to listen; several are alternatives. RFC 9622 §6.1.
    pub fn local(mut self, local: impl IntoLocal) -> Self {
        match local.try_into() {
            Ok(local) => self.locals.push(local),
            Err(error) => self.go_wrong(error.into().into()),
        }
        self
    }

    /// Everything that is asked of the transport, in place of what was said before. RFC 9622 §6.2.
    pub fn properties(mut self, properties: TransportProperties) -> Self {
        self.properties = properties;
        self
    }

    /// Select only what has it. RFC 9622 §6.2.
    pub fn require(mut self, what: impl Into<Selector>) -> Self {
        self.properties = self.properties.require(what);
        self
    }

    /// Rather with it. RFC 9622 §6.2.
    pub fn prefer(mut self, what: impl Into<Selector>) -> Self {
        self.properties = self.properties.prefer(what);
        self
    }

    /// Either way. RFC 9622 §6.2.
    pub fn no_preference(mut self, what: impl Into<Selector>) -> Self {
        self.properties = self.properties.no_preference(what);
        self
    }

    /// Rather without it. RFC 9622 §6.2.
    pub fn avoid(mut self, what: impl Into<Selector>) -> Self {
        self.properties = self.properties.avoid(what);
        self
    }

    /// Select only what does not have it. RFC 9622 §6.2.
    pub fn prohibit(mut self, what: impl Into<Selector>) -> Self {
        self.properties = self.properties.prohibit(what);
        self
    }

    /// Sets any property by its name in RFC 9622, or NEATPy's; [`properties::ALL`](neatflow_core::properties::ALL)
    /// lists them.
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Err(error) = self.properties.add(name, value) {
            self.go_wrong(error.into());
        }
        self
    }

    /// What is asked for in the language of NEAT's Policy Manager, besides, as its property files have it:
    /// `{"transport": {"value": ["SCTP", "TCP"]}}`. It replaces what was said so before. A fault in the text is told by
    /// `initiate` and `listen`, with its place.
    pub fn neat_properties(mut self, json: &str) -> Self {
        match Alternatives::from_json(json) {
            Ok(neat) => self.properties.neat = neat,
            Err(error) => self.go_wrong(error.into()),
        }
        self
    }

    /// How the connection is secured. Default: not at all. RFC 9622 §6.3.
    ///
    /// No stack of this version secures anything: whoever asks for security is refused, before anything is sent.
    pub fn security(mut self, security: SecurityParameters) -> Self {
        self.security = security;
        self
    }

    /// Adds a message framer, above those that were added before: the last one added runs first when messages are sent,
    /// and last when they are received. Every connection, and every attempt to establish one, gets a clone of it. RFC
    /// 9622 §9.1.2.1, `AddFramer`.
    ///
    /// With a framer every transport keeps the boundaries of messages
    /// ([`PreserveMsgBoundaries`](neatflow_core::SelectionProperty::PreserveMsgBoundaries)). An initiated connection is
    /// Ready when its framers are; should they fail the race goes on with the next candidate. An accepted one is
    /// received before, and its messages wait until its framers are ready.
    pub fn framer(mut self, framer: impl Framer + Clone + Sync + 'static) -> Self {
        self.framers.add(framer);
        self
    }

    /// The same for a framer that is made anew each time, which matters if it cannot be cloned, or must not be.
    pub fn framer_with<F: Framer + 'static>(mut self, make: impl Fn() -> F + Send + Sync + 'static) -> Self {
        self.framers.add_with(make);
        self
    }

    /// How much the framers of a connection keep, and from which length on messages come in parts.
    pub fn framing_limits(mut self, limits: Limits) -> Self {
        self.framers.limit(limits);
        self
    }

    /// How long establishing may take. Default: as long as every candidate takes to fail. RFC 9622 §7.1.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Delivers the events of the set `S` to the actor's mailbox. Connections that a listener accepts inherit it.
    pub fn subscribe<S: EventSet<A>, A: Actor>(mut self, actor: &Addr<A>) -> Self {
        self.subscribers.push(Subscriber::mailbox::<S, A>(actor));
        self
    }

    /// For `listen`: has `make` called on each arbiter of the transport's [pool](crate::TransportBuilder::arbiters),
    /// and delivers to the mailbox of the actor it makes there the events of the set `S`, of the connections that are
    /// accepted there, and of their end. Each arbiter has a socket of its own on the same address, over which the
    /// system spreads the connections, so that a connection and the actor that serves it share a thread. Without a
    /// pool, or where [`on`](Self::on) names one arbiter, there is one actor.
    ///
    /// The actors are supervised, and restarted after panics; an arbiter whose actor has ended for good accepts no
    /// more. Subscribers given by [`subscribe`](Self::subscribe) hear of every connection; limit, filters and handle
    /// are the whole listener's.
    ///
    /// Only TCP is spread. The datagrams of one UDP peer might change sockets when sockets come and go, so UDP stays
    /// on the first arbiter. Linux spreads evenly; other systems may give every connection to one of the sockets, and
    /// where a system cannot share an address the listener ends with a ListenError.
    pub fn subscribe_each<S, A>(mut self, make: impl Fn() -> A + Send + Sync + 'static) -> Self
    where
        S: EventSet<A>,
        A: Supervised + Actor<Context = Context<A>>,
    {
        self.staff.push(Staff::new::<S, A>(make));
        self
    }

    /// Where the connection, with all that drives it, runs; or where the listener accepts: an arbiter, or
    /// [`Placement::Pool`]. Best is where the actor that hears of it lives. Default: the transport's own arbiter; of a
    /// listener with [`subscribe_each`](Self::subscribe_each), the pool.
    pub fn on(mut self, placement: impl Into<Placement>) -> Self {
        self.placement = Some(placement.into());
        self
    }

    /// For `listen`: accepts only connections of which every filter approves.
    pub fn accept_filter(mut self, accept: impl Fn(&Incoming) -> bool + Send + Sync + 'static) -> Self {
        self.filters.push(AcceptFilter::new(accept));
        self
    }

    /// Establishes a connection. It is handed back at once, in Establishing; messages may be sent already. Ready
    /// or EstablishmentError tells how it went. RFC 9622 §7.1.
    ///
    /// *Errors*: an endpoint is none, no remote endpoint was given, properties contradict each other, or the
    /// transport has stopped. Then there is no connection and no event.
    pub fn initiate(&self) -> Result<Connection, Error> {
        self.establish(None)
    }

    /// Establishes a connection and sends a first message. Should no connection be established, the
    /// EstablishmentError is all that is told of the message. RFC 9622 §9.2.5.
    ///
    /// *Errors*: as [`initiate`](Self::initiate).
    pub fn initiate_with_send(&self, message: impl Into<Message>) -> Result<Connection, Error> {
        self.establish(Some(message.into()))
    }

    /// Listens. The listener is handed back at once; ConnectionReceived tells of each connection, ListenError of
    /// the lack of a socket. RFC 9622 §7.2.
    ///
    /// *Errors*: an endpoint is none, a remote endpoint is not an address, properties contradict each other, or the
    /// transport has stopped. Then there is no listener and no event.
    pub fn listen(&self) -> Result<Listener, Error> {
        let request = self.snapshot()?;
        if let Some(remote) = request.remotes.iter().find(|remote| remote.literal().is_none()) {
            let why = format!("a listener takes connections from addresses only, not from {remote}").into();
            return Err(ListenFailure::InvalidConfiguration(why).into());
        }
        let (listener, order) = Listen::new(request, self.subscribers.clone(), self.filters.clone());
        let order = order.with_staff(self.staff.clone());
        self.order(match &self.placement {
            Some(placement) => order.on(placement.clone()),
            None => order,
        });
        Ok(listener)
    }

    /// The endpoints with addresses in place of names. RFC 9622 §7.3.
    ///
    /// *Errors*: an endpoint is none, properties contradict each other, or the transport has stopped;
    /// [`Error::Resolution`] for the first name without an address.
    /// *Cancel safety*: safe.
    pub async fn resolve(&self) -> Result<(Vec<LocalEndpoint>, Vec<RemoteEndpoint>), Error> {
        let request = self.snapshot()?;
        let resolving = self.transport.root().send(ResolveEndpoints { request });
        Ok(resolving.await.map_err(|_| Error::Stopped)??)
    }

    fn establish(&self, first: Option<Message>) -> Result<Connection, Error> {
        let request = self.snapshot()?;
        if request.remotes.is_empty() {
            let why = "no remote endpoint was given".into();
            return Err(EstablishmentFailure::InvalidConfiguration(why).into());
        }
        let (connection, order) = Initiate::new(request, self.timeout, &self.subscribers, first);
        self.order(order.on(self.placement.clone().unwrap_or_default()));
        Ok(connection)
    }

    fn order<M>(&self, order: M)
    where
        M: actix::Message<Result = ()> + Send + 'static,
        Root: Handler<M>,
    {
        #[expect(
            clippy::disallowed_methods,
            reason = "one for each connection or listener that the application holds; should the transport be gone, the order's own Drop tells"
        )]
        self.transport.root().do_send(order);
    }

    /// What was said until now, if it makes sense.
    fn snapshot(&self) -> Result<Arc<Request>, Error> {
        if let Some(wrong) = &self.wrong {
            return Err(wrong.clone());
        }
        self.properties.validate()?;
        self.security.validate()?;
        if self.security.security == Security::Required {
            let why = "security is asked for, and no stack here secures anything".into();
            return Err(EstablishmentFailure::NoCandidates { properties: Vec::new(), why }.into());
        }
        self.remotes.iter().try_for_each(RemoteEndpoint::validate)?;
        self.locals.iter().try_for_each(LocalEndpoint::validate)?;
        if !self.transport.root().connected() {
            return Err(Error::Stopped);
        }
        Ok(Arc::new(Request {
            locals: self.locals.clone(),
            remotes: self.remotes.clone(),
            properties: Arc::new(self.properties.clone()),
            framers: self.framers.clone(),
            application: Application::secured(&self.security).map(Arc::new),
        }))
    }

    fn go_wrong(&mut self, error: Error) {
        self.wrong.get_or_insert(error);
    }
}
