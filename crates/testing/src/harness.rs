//! A transport over scripted stacks.

use crate::probe::{EventProbe, Probe};
use crate::resolver::ScriptedResolver;
use crate::stack::ScriptedStack;
use actix::prelude::*;
use neatflow_actors::flow::Connection;
use neatflow_actors::listener::{AcceptFilter, Incoming, Listener};
use neatflow_actors::network_monitor::Source;
use neatflow_actors::policy_manager::Interfaces;
use neatflow_actors::subscription::{EventSet, Subscriber};
use neatflow_actors::transport::messages::{Initiate, Listen, TakeCensus};
use neatflow_actors::transport::{Config, Transport};
use neatflow_actors::{Count, Registry};
use neatflow_core::policy::{Application, InterfaceRow, Request};
use neatflow_core::{LocalEndpoint, Message, RemoteEndpoint, TransportProperties};
use slog::{Discard, Logger, o};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

/// A transport whose network, names and interfaces are scripted. It is to be made where actors can be started.
///
/// The machine it pretends to run on has `lo` and `eth0`, the latter with 192.0.2.100 and 2001:db8::100.
#[derive(Clone, Debug)]
pub struct Harness {
    root: Addr<Transport>,
}

impl Harness {
    /// Over one stack, without names.
    pub fn new(stack: &ScriptedStack) -> Self {
        Self::with(Self::config([stack]))
    }

    /// Over one stack, with these names.
    pub fn with_names(stack: &ScriptedStack, names: ScriptedResolver) -> Self {
        let mut config = Self::config([stack]);
        config.other_resolver = Some(names.start().recipient());
        Self::with(config)
    }

    /// With any configuration; start from [`config`](Self::config).
    pub fn with(config: Config) -> Self {
        Self::of(Transport::new(config).0.start())
    }

    /// With a transport that runs already.
    pub fn of(root: Addr<Transport>) -> Self {
        Self { root }
    }

    /// These stacks and no other, no names, the interfaces described above, and no log.
    pub fn config<'a>(stacks: impl IntoIterator<Item = &'a ScriptedStack>) -> Config {
        let mut config = Config::new(Logger::root(Discard, o!()));
        config.registry = Registry::empty();
        for stack in stacks {
            config.registry.register(Arc::new(stack.clone()));
        }
        config.other_resolver = Some(ScriptedResolver::new().start().recipient());
        config.interfaces = Interfaces::from_fn(|| Ok(interfaces()));
        config.network = Source::none();
        config
    }

    /// The transport's address.
    pub fn root(&self) -> &Addr<Transport> {
        &self.root
    }

    /// How many of its actors are alive.
    ///
    /// # Panics
    /// When the transport has stopped.
    pub async fn census(&self) -> Count {
        match self.root.send(TakeCensus).await {
            Ok(count) => count,
            Err(gone) => panic!("the transport has stopped: {gone}"),
        }
    }

    /// A connection, or the connections a listener takes, to this remote endpoint.
    ///
    /// # Panics
    /// When it is not an endpoint.
    #[track_caller]
    pub fn to(&self, remote: impl ToString) -> Intent {
        self.intent().or_to(remote)
    }

    /// A listener, or a connection, at this local endpoint.
    ///
    /// # Panics
    /// When it is not an endpoint.
    #[track_caller]
    pub fn at(&self, local: impl ToString) -> Intent {
        self.intent().from(local)
    }

    fn intent(&self) -> Intent {
        Intent {
            root: self.root.clone(),
            locals: Vec::new(),
            remotes: Vec::new(),
            properties: TransportProperties::new(),
            application: None,
            timeout: None,
            subscribers: Vec::new(),
            filters: Vec::new(),
            first: None,
        }
    }
}

/// What is wanted of a [`Harness`]: what a preconnection is to an application.
#[must_use = "nothing happens until `initiate` or `listen`"]
#[derive(Clone)]
pub struct Intent {
    root: Addr<Transport>,
    locals: Vec<LocalEndpoint>,
    remotes: Vec<RemoteEndpoint>,
    properties: TransportProperties,
    application: Option<Arc<Application>>,
    timeout: Option<Duration>,
    subscribers: Vec<Subscriber>,
    filters: Vec<AcceptFilter>,
    first: Option<Message>,
}

impl Intent {
    /// Another remote endpoint.
    ///
    /// # Panics
    /// When it is not an endpoint.
    #[track_caller]
    pub fn or_to(mut self, remote: impl ToString) -> Self {
        let text = remote.to_string();
        let Ok(remote) = text.parse() else { panic!("not a remote endpoint: {text}") };
        self.remotes.push(remote);
        self
    }

    /// Another local endpoint.
    ///
    /// # Panics
    /// When it is not an endpoint.
    #[track_caller]
    pub fn from(mut self, local: impl ToString) -> Self {
        let text = local.to_string();
        let Ok(local) = text.parse() else { panic!("not a local endpoint: {text}") };
        self.locals.push(local);
        self
    }

    /// What the transport shall be like.
    pub fn properties(self, properties: TransportProperties) -> Self {
        Self { properties, ..self }
    }

    /// What is spoken over it, so that service bindings are asked for.
    pub fn speaking(self, application: Application) -> Self {
        Self { application: Some(Arc::new(application)), ..self }
    }

    /// How long establishing may take.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// The probe hears everything.
    pub fn tell(self, probe: &EventProbe) -> Self {
        self.tell_of(probe.subscriber())
    }

    /// The actor hears the events of the set `S`.
    pub fn subscribe<S: EventSet<A>, A: Actor>(self, actor: &Addr<A>) -> Self {
        self.tell_of(Subscriber::mailbox::<S, A>(actor))
    }

    /// The probe hears the events of the set `S`.
    pub fn tell_only<S: EventSet<Probe>>(self, probe: &EventProbe) -> Self {
        self.tell_of(probe.subscriber_to::<S>())
    }

    /// For `listen`: accepts only connections of which every filter approves.
    pub fn filter(mut self, accept: impl Fn(&Incoming) -> bool + Send + Sync + 'static) -> Self {
        self.filters.push(AcceptFilter::new(accept));
        self
    }

    /// A message that is sent with the establishment.
    pub fn first(self, message: impl Into<Message>) -> Self {
        Self { first: Some(message.into()), ..self }
    }

    /// Establishes a connection.
    pub fn initiate(self) -> Connection {
        let request = self.request();
        let (connection, order) = Initiate::new(request, self.timeout, &self.subscribers, self.first);
        self.root.do_send(order);
        connection
    }

    /// Listens.
    pub fn listen(self) -> Listener {
        let request = self.request();
        let (listener, order) = Listen::new(request, self.subscribers, self.filters);
        self.root.do_send(order);
        listener
    }

    fn tell_of(mut self, subscriber: Subscriber) -> Self {
        self.subscribers.push(subscriber);
        self
    }

    fn request(&self) -> Arc<Request> {
        Arc::new(Request {
            locals: self.locals.clone(),
            remotes: self.remotes.clone(),
            properties: Arc::new(self.properties.clone()),
            application: self.application.clone(),
            ..Request::default()
        })
    }
}

impl fmt::Debug for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intent")
            .field("locals", &self.locals)
            .field("remotes", &self.remotes)
            .finish_non_exhaustive()
    }
}

/// The interfaces of the machine a [`Harness`] pretends to run on.
pub fn interfaces() -> Vec<InterfaceRow> {
    let row = |name: &str, index, v4: Ipv4Addr, v6: Ipv6Addr| InterfaceRow {
        name: name.into(),
        index,
        addresses: vec![v4.into(), v6.into()],
        up: true,
        loopback: v4.is_loopback(),
        ..InterfaceRow::default()
    };
    vec![
        row("lo", 1, Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST),
        row("eth0", 2, Ipv4Addr::new(192, 0, 2, 100), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x100)),
    ]
}
