//! Another network in mid race.

use super::actor::HappyEyeballs;
use super::resolving::{call_1_and_nat64, targets};
use crate::network_monitor::messages::{NetworkChanged, Watch};
use crate::policy_manager::messages::{Eligibility, Eligible};
use actix::prelude::*;
use neatflow_core::policy::{HostNetwork, Inventory};
use neatflow_core::racing::{Input, Network};
use neatflow_core::{EstablishmentFailure, Failure, Time};
use slog::debug;
use std::sync::Arc;

/// A race to addresses is usually over before this; until then it does not ask to be told of changes.
pub(super) const WATCHES_AFTER: Time = Time::from_millis(20);

/// How many changes of the network a race was told of, and which one's answer it has heeded last.
#[derive(Default)]
pub(super) struct Changes {
    told: u64,
    heeded: u64,
    /// The networks before, first those of call 1: what the routing table led over says which attempts a change has cost.
    pub(super) before: Option<Arc<HostNetwork>>,
}

impl Handler<NetworkChanged> for HappyEyeballs {
    type Result = ();

    fn handle(&mut self, changed: NetworkChanged, ctx: &mut Self::Context) {
        self.another_network(changed.network, ctx);
    }
}

impl HappyEyeballs {
    /// The networks are like this now: what is over is over, and call 1 is asked again.
    fn another_network(&mut self, network: Arc<HostNetwork>, ctx: &mut Context<Self>) {
        self.lose_interfaces(&network);
        self.changes.before = Some(network);
        // The policy manager was told before.
        let (services, request) = (self.services.clone(), self.request.clone());
        let call = Eligible::new(request).without_memory();
        let call = async move { call_1_and_nat64(&services, call).await };
        self.changes.told += 1;
        let number = self.changes.told;
        // An answer that was overtaken is about a network that was.
        ctx.spawn(call.into_actor(self).map(move |reply, race, _| {
            if number > race.changes.heeded {
                race.changes.heeded = number;
                race.reconsider(reply);
            }
        }));
    }

    /// Asks to be told of changes.
    pub(super) fn watch(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.watches, true) {
            return;
        }
        if let Some(monitor) = &self.services.monitor {
            let watching = monitor.send(Watch(ctx.address().downgrade().recipient()));
            ctx.spawn(watching.into_actor(self).map(|network, race, ctx| {
                // A monitor that is gone tells nothing.
                let Some(network) = network.ok().flatten() else { return };
                match &race.changes.before {
                    // What has changed between call 1 and now nobody tells.
                    Some(before) if !Arc::ptr_eq(before, &network) => race.another_network(network, ctx),
                    Some(_) => {}
                    // Whoever answered call 1 did not say what it knew of the networks: as far as can be told, this.
                    None => race.changes.before = Some(network),
                }
            }));
        }
    }

    /// Attempts over interfaces that are gone, or down, have failed: those that were bound to one, and those that the
    /// routing table sent over one, as far as that is certain. What is left of their sockets has an address that nobody answers to any more.
    fn lose_interfaces(&mut self, network: &HostNetwork) {
        // One that was not there is none that is gone: the application may have made it a moment ago.
        let Some(before) = self.changes.before.as_deref().map(inventory_of) else { return };
        for (id, of) in self.attempts.running() {
            let Some(candidate) = self.ranking.candidate(of) else { continue };
            let led_over = match &candidate.interface {
                Some(bound) => before.interface(bound),
                None => before.surely_towards(candidate.remote.ip()),
            };
            let Some(interface) = led_over.filter(|row| row.up).map(|row| row.name.clone()) else { continue };
            if network.interfaces.iter().any(|row| row.up && row.name == interface) {
                continue;
            }
            self.attempts.cancel(id);
            self.failed(id, of, Failure::NoSuchInterface(interface));
        }
    }

    /// Call 1 was asked once more: other paths, names to resolve over them, other families. What runs goes on.
    fn reconsider(&mut self, reply: Result<Eligibility, EstablishmentFailure>) {
        let (branches, network) = match reply {
            Ok(Eligibility { branches, network, .. }) => (branches, network),
            Err(failure) => {
                debug!(self.logger, "nothing is eligible any more"; "reason" => %failure);
                (Arc::default(), Network::default())
            }
        };
        for (aim, target) in targets(&self.request, &branches, self.services.secure_dns) {
            if !self.ranking.aims.contains(&aim) {
                self.ranking.aims.push(aim);
                self.tell(Input::Target(target));
            }
        }
        self.ranking.branches = branches;
        self.tell(Input::Network(network));
        self.rouse();
    }
}

fn inventory_of(network: &HostNetwork) -> Inventory {
    let mut inventory = Inventory::default();
    inventory.on(network);
    inventory
}
