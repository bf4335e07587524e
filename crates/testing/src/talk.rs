//! An established connection, with both its ends in the hands of a test.

use crate::harness::Harness;
use crate::probe::EventProbe;
use crate::stack::{Peer, ScriptedStack};
use neatflow_actors::events::EventKind;
use neatflow_actors::flow::Connection;

/// An established connection, opened from here, with both its ends.
///
/// ```
/// use neatflow_testing::{paused, talk::Talk};
///
/// paused(async {
///     let talk = Talk::begin().await;
///     talk.connection.send("hello");
///     assert_eq!(talk.peer.read().await.unwrap(), "hello");
///     assert_eq!(talk.heard(), ["Sent", "AllWritten"]);
/// });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Talk {
    /// What it runs over.
    pub network: ScriptedStack,
    /// Whose connection it is.
    pub harness: Harness,
    /// Who hears everything.
    pub probe: EventProbe,
    /// Our end.
    pub connection: Connection,
    /// The far end.
    pub peer: Peer,
}

impl Talk {
    /// Over a byte stream.
    pub async fn begin() -> Self {
        Self::with(ScriptedStack::new(), EventProbe::start()).await
    }

    /// Over this stack.
    pub async fn over(network: ScriptedStack) -> Self {
        Self::with(network, EventProbe::start()).await
    }

    /// Over a byte stream, heard by this probe.
    pub async fn told(probe: EventProbe) -> Self {
        Self::with(ScriptedStack::new(), probe).await
    }

    async fn with(network: ScriptedStack, probe: EventProbe) -> Self {
        let harness = Harness::new(&network);
        let connection = harness.to("192.0.2.1:1").tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
        let peer = network.peer().await;
        Self { network, harness, probe, connection, peer }
    }

    /// What the probe heard since Ready.
    pub fn heard(&self) -> Vec<&'static str> {
        self.probe.words()[1..].to_vec()
    }
}
