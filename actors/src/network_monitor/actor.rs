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

/// Follows the networks this host is on, and tells of changes.
#[derive(Debug)]
pub struct NetworkMonitor {
    source: Source,
    /// Whoever reads the source; it ends with the actor.
    reader: Option<JoinHandle<()>>,
    network: Option<Arc<HostNetwork>>,
    watchers: Vec<Watcher>,
    /// The last one's id.
    latest: u64,
    audience: Arc<Audience>,
    logger: Logger,
}

/// What somebody was told last.
type Told = Option<Arc<HostNetwork>>;

/// Somebody who is told of changes.
#[derive(Debug)]
struct Watcher {
    id: u64,
    recipient: WeakRecipient<NetworkChanged>,
    /// What it was told last.
    told: Told,
    /// Whether it has not handled that yet: it is told no more meanwhile, however full its mailbox.
    busy: bool,
}

impl NetworkMonitor {
    /// A monitor that nobody watches.
    pub fn new(source: Source, logger: Logger) -> Self {
        let (reader, network, watchers, audience) = Default::default();
        Self { source, reader, network, watchers, latest: 0, audience, logger }
    }

    /// With a watcher, to begin with.
    #[must_use]
    pub fn watched_by(mut self, recipient: WeakRecipient<NetworkChanged>) -> Self {
        self.watch(recipient);
        self
    }

    /// With connections to be told.
    pub(crate) fn telling(mut self, audience: Arc<Audience>) -> Self {
        self.audience = audience;
        self
    }

    /// Tells everyone who is not up to date, and has handled what it was told last.
    fn tell_watchers(&mut self, ctx: &mut Context<Self>) {
        let Some(network) = self.network.clone() else { return };
        // Most were told the same last.
        let mut known: Option<(Told, Arc<[NetworkChange]>)> = None;
        let mut telling = Vec::new();
        self.watchers.retain_mut(|watcher| {
            let Some(recipient) = watcher.recipient.upgrade().filter(Recipient::connected) else {
                return false;
            };
            if watcher.busy || watcher.told.as_ref().is_some_and(|told| Arc::ptr_eq(told, &network)) {
                return true;
            }
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
            watcher.busy = true;
            watcher.told = Some(network.clone());
            telling.push((watcher.id, recipient.send(NetworkChanged { network: network.clone(), changes })));
            true
        });
        for (id, telling) in telling {
            ctx.spawn(telling.into_actor(self).map(move |handled, monitor, ctx| {
                let Some(watcher) = monitor.watchers.iter_mut().find(|watcher| watcher.id == id) else {
                    return;
                };
                watcher.busy = false;
                if handled.is_ok() {
                    // Perhaps there is something new.
                    monitor.tell_watchers(ctx);
                }
            }));
        }
    }

    fn watch(&mut self, recipient: WeakRecipient<NetworkChanged>) {
        if self.watchers.len() == self.watchers.capacity() {
            self.watchers
                .retain(|watcher| watcher.recipient.upgrade().is_some_and(|alive| alive.connected()));
        }
        self.latest += 1;
        let (id, told) = (self.latest, self.network.clone());
        self.watchers.push(Watcher { id, recipient, told, busy: false });
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
        self.watchers.iter_mut().for_each(|watcher| watcher.busy = false);
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
        self.tell_watchers(ctx);
        let Some(earlier) = earlier else {
            debug!(self.logger, "the networks"; "interfaces" => network.interfaces.len());
            return;
        };
        let changes: Arc<[NetworkChange]> = network.changes_since(&earlier).into();
        if !changes.is_empty() {
            let told: Vec<String> = changes.iter().map(ToString::to_string).collect();
            debug!(self.logger, "the networks have changed"; "how" => told.join("; "));
            self.audience.tell(&changes);
        }
    }
}

impl Handler<Watch> for NetworkMonitor {
    type Result = Option<Arc<HostNetwork>>;

    fn handle(&mut self, Watch(recipient): Watch, _: &mut Self::Context) -> Self::Result {
        self.watch(recipient);
        self.network.clone()
    }
}
