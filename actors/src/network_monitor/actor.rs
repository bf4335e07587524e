//! The NetworkMonitor actor.

use super::audience::Audience;
use super::messages::{NetworkChanged, Seen, Watch};
use super::source::Source;
use actix::WeakRecipient;
use actix::prelude::*;
use futures::StreamExt;
use neatflow_core::policy::{HostNetwork, NetworkChange};
use slog::{Logger, debug};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Follows the networks this host is on, and tells of changes: first those it was made with
/// ([`NetworkMonitor::watched_by`]), and when they have handled it, everybody else. So whoever hears of a change from it
/// finds that the policy manager knows.
#[derive(Debug)]
pub struct NetworkMonitor {
    source: Source,
    /// Whoever reads the source; it ends with the actor.
    reader: Option<JoinHandle<()>>,
    /// As the source has it.
    network: Option<Arc<HostNetwork>>,
    /// As those who are told first know it: as everybody else may be told.
    settled: Option<Arc<HostNetwork>>,
    watchers: Vec<Watcher>,
    /// The last one's id.
    latest: u64,
    audience: Arc<Audience>,
    logger: Logger,
}

/// What somebody knows.
type Told = Option<Arc<HostNetwork>>;

/// So often is somebody told the same who fails over it, by a panic for instance: a change that cannot be handled must
/// not use up their restarts.
const MOST_TRIES: u32 = 2;

/// Somebody who is told of changes.
#[derive(Debug)]
struct Watcher {
    id: u64,
    recipient: WeakRecipient<NetworkChanged>,
    /// Whether it is told before the others.
    first: bool,
    /// What it has handled last.
    told: Told,
    /// What it was told and has not handled yet: it is told no more meanwhile, however full its mailbox.
    telling: Told,
    /// What it has failed over, and how often.
    failed: Option<(Arc<HostNetwork>, u32)>,
}

impl Watcher {
    /// Whether it is of no use to tell it of this network: it knows, or it has failed over it too often.
    fn is_done_with(&self, network: &Arc<HostNetwork>) -> bool {
        let given_up =
            |(of, times): &(Arc<HostNetwork>, u32)| Arc::ptr_eq(of, network) && *times >= MOST_TRIES;
        self.told.as_ref().is_some_and(|told| Arc::ptr_eq(told, network))
            || self.failed.as_ref().is_some_and(given_up)
    }

    /// What it was told is behind it.
    fn end(&mut self, handled: bool) {
        let Some(network) = self.telling.take() else { return };
        if handled {
            (self.told, self.failed) = (Some(network), None);
            return;
        }
        let earlier = self.failed.take().filter(|(of, _)| Arc::ptr_eq(of, &network));
        self.failed = Some((network, earlier.map_or(1, |(_, times)| times + 1)));
    }
}

impl NetworkMonitor {
    /// A monitor that nobody watches.
    pub fn new(source: Source, logger: Logger) -> Self {
        let (reader, network, settled, watchers, audience) = Default::default();
        Self { source, reader, network, settled, watchers, latest: 0, audience, logger }
    }

    /// With a watcher who is told before all those that ask to be told later.
    #[must_use]
    pub fn watched_by(mut self, recipient: WeakRecipient<NetworkChanged>) -> Self {
        self.watch(recipient, true);
        self
    }

    /// With connections to be told.
    pub(crate) fn telling(mut self, audience: Arc<Audience>) -> Self {
        self.audience = audience;
        self
    }

    /// Tells everyone who is not up to date, and has handled what it was told last.
    fn tell_watchers(&mut self, ctx: &mut Context<Self>) {
        self.watchers.retain(|watcher| watcher.recipient.upgrade().is_some_and(|alive| alive.connected()));
        self.tell_those(true, ctx);
        let Some(network) = self.network.clone() else { return };
        if self.watchers.iter().filter(|watcher| watcher.first).all(|first| first.is_done_with(&network)) {
            self.settle(network);
        }
        self.tell_those(false, ctx);
    }

    /// Tells those who are told first of the network as it is, or the others of the network as those know it.
    fn tell_those(&mut self, first: bool, ctx: &mut Context<Self>) {
        let Some(network) = (if first { &self.network } else { &self.settled }).clone() else { return };
        // Most were told the same last.
        let mut known: Option<(Told, Arc<[NetworkChange]>)> = None;
        let mut telling = Vec::new();
        for watcher in self.watchers.iter_mut().filter(|watcher| watcher.first == first) {
            if watcher.telling.is_some() || watcher.is_done_with(&network) {
                continue;
            }
            let Some(recipient) = watcher.recipient.upgrade() else { continue };
            let changes = match &known {
                Some((told, changes)) if same(told, &watcher.told) => changes.clone(),
                _ => {
                    let earlier = watcher.told.as_deref();
                    let changes: Arc<[NetworkChange]> =
                        earlier.map_or_else(Vec::new, |earlier| network.changes_since(earlier)).into();
                    known = Some((watcher.told.clone(), changes.clone()));
                    changes
                }
            };
            watcher.telling = Some(network.clone());
            telling.push((watcher.id, recipient.send(NetworkChanged { network: network.clone(), changes })));
        }
        for (id, telling) in telling {
            ctx.spawn(telling.into_actor(self).map(move |handled, monitor, ctx| {
                let Some(watcher) = monitor.watchers.iter_mut().find(|watcher| watcher.id == id) else {
                    return;
                };
                watcher.end(handled.is_ok());
                let news = monitor.settled.as_ref().is_some_and(|settled| !watcher.is_done_with(settled));
                // There is something new, or others have waited for it.
                if watcher.first || news {
                    monitor.tell_watchers(ctx);
                }
            }));
        }
    }

    /// Those who are told first know it.
    fn settle(&mut self, network: Arc<HostNetwork>) {
        let Some(earlier) = self.settled.replace(network.clone()) else { return };
        let changes: Arc<[NetworkChange]> = network.changes_since(&earlier).into();
        if !changes.is_empty() {
            self.audience.tell(&changes);
        }
    }

    fn watch(&mut self, recipient: WeakRecipient<NetworkChanged>, first: bool) {
        let told = if first { None } else { self.settled.clone() };
        // Whoever was restarted may ask once more.
        let asked = recipient.upgrade();
        if let Some(known) =
            self.watchers.iter_mut().find(|known| asked.is_some() && known.recipient.upgrade() == asked)
        {
            (known.told, known.failed) = (told, None);
            return;
        }
        if self.watchers.len() == self.watchers.capacity() {
            self.watchers
                .retain(|watcher| watcher.recipient.upgrade().is_some_and(|alive| alive.connected()));
        }
        self.latest += 1;
        let (telling, failed) = (None, None);
        self.watchers.push(Watcher { id: self.latest, recipient, first, told, telling, failed });
    }
}

fn same(one: &Told, other: &Told) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

impl Actor for NetworkMonitor {
    type Context = Context<Self>;

    /// Whoever reads is a task of its own: a future of the actor would keep it alive when nobody needs it any more.
    fn started(&mut self, ctx: &mut Self::Context) {
        // Those who were telling are gone.
        self.watchers.iter_mut().for_each(|watcher| watcher.telling = None);
        if let Some(reader) = self.reader.take() {
            reader.abort();
        }
        let monitor = ctx.address().downgrade();
        let mut source = self.source.open();
        self.reader = Some(actix_rt::spawn(async move {
            while let Some(network) = source.next().await {
                let Some(monitor) = monitor.upgrade() else { return };
                if monitor.send(Seen(network)).await.is_err() {
                    return;
                }
            }
        }));
    }
}

impl Supervised for NetworkMonitor {
    /// What it knows and who watches stays; the source is opened anew.
    fn restarting(&mut self, _: &mut Self::Context) {}
}

impl Drop for NetworkMonitor {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.abort();
        }
    }
}

impl Handler<Seen> for NetworkMonitor {
    type Result = ();

    fn handle(&mut self, Seen(network): Seen, ctx: &mut Self::Context) {
        let network = Arc::new(network);
        let earlier = self.network.replace(network.clone());
        match earlier {
            None => debug!(self.logger, "the networks"; "interfaces" => network.interfaces.len()),
            Some(earlier) => {
                let changes: Vec<String> =
                    network.changes_since(&earlier).iter().map(ToString::to_string).collect();
                if !changes.is_empty() {
                    debug!(self.logger, "the networks have changed"; "how" => changes.join("; "));
                }
            }
        }
        self.tell_watchers(ctx);
    }
}

impl Handler<Watch> for NetworkMonitor {
    type Result = Option<Arc<HostNetwork>>;

    fn handle(&mut self, Watch(recipient): Watch, _: &mut Self::Context) -> Self::Result {
        self.watch(recipient, false);
        self.settled.clone()
    }
}
