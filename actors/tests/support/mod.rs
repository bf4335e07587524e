//! What the tests of established connections share.

use neatflow_actors::events::EventKind;
use neatflow_actors::flow::Connection;
use neatflow_testing::harness::Harness;
use neatflow_testing::probe::EventProbe;
use neatflow_testing::stack::{Peer, ScriptedStack};
use std::time::Duration;

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// An established connection, with both its ends.
pub(crate) struct Talk {
    pub(crate) network: ScriptedStack,
    pub(crate) harness: Harness,
    pub(crate) probe: EventProbe,
    pub(crate) connection: Connection,
    pub(crate) peer: Peer,
}

impl Talk {
    pub(crate) async fn begin() -> Self {
        Self::with(ScriptedStack::new(), EventProbe::start()).await
    }

    pub(crate) async fn over(network: ScriptedStack) -> Self {
        Self::with(network, EventProbe::start()).await
    }

    pub(crate) async fn told(probe: EventProbe) -> Self {
        Self::with(ScriptedStack::new(), probe).await
    }

    async fn with(network: ScriptedStack, probe: EventProbe) -> Self {
        let harness = Harness::new(&network);
        let connection = harness.to("192.0.2.1:1").tell(&probe).initiate();
        probe.until(EventKind::Ready).await;
        let peer = network.peer().await;
        Self { network, harness, probe, connection, peer }
    }

    /// What was heard since Ready.
    pub(crate) fn heard(&self) -> Vec<&'static str> {
        self.probe.words()[1..].to_vec()
    }
}
