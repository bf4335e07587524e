//! Two ends over one stack, for what holds over every stack: the same sentences for each.

use super::{V4, within};
use neatflow::properties::TransportProperties;
use neatflow::{Connection, Listener, Preconnection, Transport};
use std::net::SocketAddr;

/// What runs between the application and the transport, if anything.
pub(crate) type Framing = fn(Preconnection) -> Preconnection;

/// A listener over one stack, and whom to ask for connections to it.
pub(crate) struct Stage {
    pub(crate) stack: &'static str,
    /// Whether a message arrives as it was sent.
    pub(crate) keeps_boundaries: bool,
    pub(crate) transport: Transport,
    pub(crate) listener: Listener,
    pub(crate) there: Preconnection,
}

impl Stage {
    pub(crate) async fn new(stack: &'static str, properties: TransportProperties) -> Self {
        Self::framed(stack, stack == "udp", properties, |preconnection| preconnection).await
    }

    pub(crate) async fn framed(
        stack: &'static str,
        keeps_boundaries: bool,
        properties: TransportProperties,
        framing: Framing,
    ) -> Self {
        let transport = Transport::start();
        let here =
            Preconnection::new(&transport).local(SocketAddr::new(V4, 0)).properties(properties.clone());
        let listener = framing(here).listen().expect("loopback");
        let port = within(listener.listening()).await.expect("loopback")[0].port();
        let there = framing(Preconnection::new(&transport).remote((V4, port)).properties(properties));
        Self { stack, keeps_boundaries, transport, listener, there }
    }

    /// A connection, and the peer's end of it; they have said hello, so that each has one message behind it.
    pub(crate) async fn pair(&self) -> (Connection, Connection) {
        self.pair_of(&self.there).await
    }

    /// The same for a connection that is asked for like this.
    pub(crate) async fn pair_of(&self, there: &Preconnection) -> (Connection, Connection) {
        let ours = there.initiate().expect("loopback");
        let hello = IntoFuture::into_future(ours.send("hello"));
        let (ready, theirs) = within(futures::future::join(ours.ready(), self.listener.accept())).await;
        ready.expect("somebody listens");
        within(hello).await.expect("it is open");
        let theirs = theirs.expect("it was not stopped");
        assert_eq!(within(theirs.received()).await.expect("the hello").data, "hello");
        (ours, theirs)
    }
}
