//! A connection on which a script is acted out, and what must be true of it.

use crate::script::{REFUSED, Script, Step};
use neatflow_actors::events::{Event, EventKind};
use neatflow_actors::flow::{Connection, ConnectionId};
use neatflow_actors::subscription::SubscriptionId;
use neatflow_core::{Failure, Message};
use neatflow_testing::harness::Harness;
use neatflow_testing::probe::EventProbe;
use neatflow_testing::settle;
use neatflow_testing::stack::{Operation, Outcome, Peer, ScriptedStack};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How it is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Close,
    Abort,
    Drop,
}

pub(crate) struct Scene {
    network: ScriptedStack,
    harness: Harness,
    probe: EventProbe,
    /// Subscribers that come and go, and hold what they get.
    others: VecDeque<(SubscriptionId, EventProbe)>,
    gone: Vec<EventProbe>,
    id: ConnectionId,
    /// The only handle.
    connection: Option<Connection>,
    peer: Option<Peer>,
    /// What the script did to a peer that was not there yet.
    early: Vec<Step>,
    pulls: VecDeque<JoinHandle<Option<usize>>>,
    pulled: bool,
    /// Every message that was promised a fate.
    sends: Vec<Vec<u8>>,
    requests: u64,
    /// What the peer has sent, and what it has read.
    from_peer: Vec<u8>,
    to_peer: Vec<u8>,
    /// Something was done that does not end well.
    harmed: bool,
}

const HERE: &str = "192.0.2.100:7000";
const THERE: &str = "192.0.2.1:1";

impl Scene {
    pub(crate) async fn set(script: &Script) -> Self {
        let delay = Duration::from_millis(script.delay.into());
        let network = ScriptedStack::new().otherwise(match script.delay {
            REFUSED => Outcome::refused_after(delay),
            _ => Outcome::connects_after(delay),
        });
        let network = if script.messages { network.messages() } else { network };
        let harness = Harness::new(&network);
        let probe = EventProbe::start();
        let (connection, peer) = if script.accepted {
            let listener = harness.at(HERE).listen();
            listener.listening().await.unwrap();
            let peer = network.dial(HERE).unwrap();
            let connection = listener.accept().await.unwrap();
            connection.subscribe::<Event, _>(probe.addr());
            (connection, Some(peer))
        } else {
            (harness.to(THERE).tell(&probe).initiate(), None)
        };
        Self {
            network,
            harness,
            probe,
            others: VecDeque::new(),
            gone: Vec::new(),
            id: connection.id(),
            connection: Some(connection),
            peer,
            early: Vec::new(),
            pulls: VecDeque::new(),
            pulled: false,
            sends: Vec::new(),
            requests: 0,
            from_peer: Vec::new(),
            to_peer: Vec::new(),
            // Then connecting fails.
            harmed: script.delay == REFUSED && !script.accepted,
        }
    }

    pub(crate) async fn act(&mut self, step: &Step) {
        let Some(connection) = &self.connection else { return };
        match *step {
            Step::Send { len, is_final } => {
                let data = vec![b'a' + (self.sends.len() % 26) as u8; len];
                let message = Message::new(data.clone());
                let message = if is_final { message.last() } else { message };
                if connection.send(message).id().is_some() {
                    self.sends.push(data);
                }
            }
            Step::Receive => self.requests += u64::from(connection.receive().is_some()),
            Step::Stream(window) => connection.stream(window),
            Step::Pull => {
                let pull = connection.received();
                let pull = async move { pull.await.ok().map(|message| message.len()) };
                self.pulls.push_back(actix_rt::spawn(pull));
                self.pulled = true;
            }
            Step::DropPull => {
                if let Some(pull) = self.pulls.pop_front() {
                    pull.abort();
                }
            }
            Step::Hold(true) => self.probe = self.probe.clone().hold(),
            Step::Hold(false) => self.probe.release(),
            Step::Take => drop(self.probe.try_next()),
            Step::Join => {
                let other = EventProbe::start().hold();
                let subscription = connection.subscribe::<Event, _>(other.addr());
                self.others.push_back((subscription, other));
            }
            Step::Leave => {
                if let Some((subscription, other)) = self.others.pop_front() {
                    connection.unsubscribe(subscription);
                    self.gone.push(other);
                }
            }
            Step::Close => connection.close(),
            Step::Abort => {
                connection.abort();
                self.harmed = true;
            }
            Step::Settle => settle().await,
            Step::Wait(millis) => sleep(Duration::from_millis(millis.into())).await,
            of_peer => {
                self.early.push(of_peer);
                self.meet();
            }
        }
        self.meet();
    }

    /// Lets the peer do what it has to do, if it is there.
    fn meet(&mut self) {
        if self.peer.is_none() {
            self.peer = self.network.try_peer();
        }
        let Some(peer) = self.peer.clone() else { return };
        for step in std::mem::take(&mut self.early) {
            self.act_as_peer(&peer, step);
        }
    }

    fn act_as_peer(&mut self, peer: &Peer, step: Step) {
        match step {
            Step::PeerSend(len) => {
                let data = vec![b'A' + (self.from_peer.len() % 26) as u8; len];
                self.from_peer.extend_from_slice(&data);
                peer.send(data);
            }
            Step::PeerFinish => peer.finish(),
            Step::PeerRead => self.to_peer.extend_from_slice(&peer.take()),
            Step::PeerWindow(bytes) => peer.window(bytes),
            Step::SoftError => peer.report_soft_error(Failure::Refused),
            Step::LongestMessage(bytes) => peer.longest_message(bytes),
            Step::HoldAcknowledgements => peer.hold_acknowledgements(),
            Step::Acknowledge => peer.acknowledge(),
            Step::PeerReset => {
                peer.reset();
                self.harmed = true;
            }
            Step::PeerTimesOut => {
                peer.fail(Failure::TimedOut);
                self.harmed = true;
            }
            Step::Panic(which) => {
                use Operation::{Acknowledge, Finish, Read, Write};
                peer.panic_at([Read, Write, Finish, Acknowledge][usize::from(which) % 4]);
                self.harmed = true;
            }
            _ => {}
        }
    }

    /// Ends it; then everything that must be true is.
    pub(crate) async fn end(mut self, end: End) -> BTreeSet<&'static str> {
        self.harmed |= end == End::Abort;
        match (end, &self.connection) {
            (End::Close, Some(connection)) => connection.close(),
            (End::Abort, Some(connection)) => connection.abort(),
            _ => self.connection = None,
        }
        if end != End::Abort {
            self.do_ones_part().await;
        }
        settle().await;
        let Self { network, harness, probe, others, gone, id, peer, pulls, .. } = &self;
        let heard = probe.trace();
        heard.check_ended(*id, 0..self.sends.len() as u64, 0..self.requests);
        others.iter().map(|(_, other)| other).chain(gone).for_each(EventProbe::check);
        for (_, other) in others {
            assert_eq!(
                other.trace().lines().last().map(|line| line.kind),
                heard.lines().last().map(|line| line.kind)
            );
        }
        for pull in pulls {
            assert!(pull.is_finished(), "somebody still waits to pull:\n{heard}");
        }
        if !self.harmed {
            let ended_well =
                heard.words().last().is_some_and(|word| matches!(*word, "Closed" | "EstablishmentError"));
            assert!(ended_well, "nobody did it any harm:\n{heard}");
        }
        self.judge_bytes();
        if let (Some(peer), Some(&"Closed")) = (peer, heard.words().last()) {
            assert!(peer.is_finished(), "our end was sent:\n{heard}");
        }
        // Nobody is left, once the wire has lingered.
        sleep(Duration::from_secs(2)).await;
        let count = harness.census().await;
        assert_eq!((count.flows, count.races, count.candidates, network.alive()), (0, 0, 0, 0), "{heard}");
        heard.words().into_iter().collect()
    }

    /// The application takes what it holds, and the peer reads and acknowledges, until the end is heard.
    async fn do_ones_part(&mut self) {
        self.probe.release();
        self.others.iter().for_each(|(_, other)| other.release());
        // Most need a moment; whoever needs an hour needs too long.
        for pause in [1; 500].into_iter().chain([60_000; 60]) {
            self.meet();
            if let Some(peer) = &self.peer {
                peer.acknowledge();
                peer.window(1 << 20);
                self.to_peer.extend_from_slice(&peer.take());
            }
            if self.probe.trace().lines().last().is_some_and(|line| line.kind.is_terminal()) {
                return;
            }
            sleep(Duration::from_millis(pause)).await;
        }
    }

    /// What was sent is what came, in both directions.
    fn judge_bytes(&self) {
        let heard = self.probe.trace();
        let sent: Vec<u8> = heard
            .of(EventKind::Sent)
            .filter_map(|line| line.message)
            .flat_map(|id| self.sends[id.0 as usize].clone())
            .collect();
        let mut to_peer = self.to_peer.clone();
        if let Some(peer) = &self.peer {
            to_peer.extend_from_slice(&peer.take());
        }
        if self.harmed {
            // What was written of a message that failed came, too.
            assert!(
                to_peer.starts_with(&sent) || sent.starts_with(&to_peer),
                "what came is not what was sent"
            );
        } else {
            assert!(to_peer == sent, "{} bytes came, {} were sent:\n{heard}", to_peer.len(), sent.len());
        }
        let received = heard.received();
        if self.pulled {
            assert!(received.len() <= self.from_peer.len());
        } else {
            assert!(self.from_peer.starts_with(received.as_bytes()), "what was received was not what came");
        }
    }
}
