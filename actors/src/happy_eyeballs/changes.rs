//! Another network in mid race.

use super::actor::HappyEyeballs;
use super::resolving::{call_1_and_nat64, targets};
use crate::network_monitor::messages::{NetworkChanged, Watch};
use crate::policy_manager::messages::Eligibility;
use actix::prelude::*;
use neatflow_core::policy::HostNetwork;
use neatflow_core::racing::{Input, Network};
use neatflow_core::{EstablishmentFailure, Failure, Time};
use slog::debug;

/// A race to addresses is usually over before this; until then it does not ask to be told of changes.
pub(super) const WATCHES_AFTER: Time = Time::from_millis(20);

/// How many changes of the network a race was told of, and which one's answer it has heeded last.
#[derive(Default)]
pub(super) struct Changes {
    told: u64,
    heeded: u64,
}

impl Handler<NetworkChanged> for HappyEyeballs {
    type Result = ();

    fn handle(&mut self, changed: NetworkChanged, ctx: &mut Self::Context) {
        self.lose_interfaces(&changed.network);
        // The policy manager was told before.
        let (services, request) = (self.services.clone(), self.request.clone());
        let call = async move { call_1_and_nat64(&services, &request).await };
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
}

impl HappyEyeballs {
    /// Asks to be told of changes.
    pub(super) fn watch(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.watches, true) {
            return;
        }
        if let Some(monitor) = &self.services.monitor {
            let watching = monitor.send(Watch(ctx.address().downgrade().recipient()));
            // A monitor that is gone tells nothing.
            ctx.spawn(watching.into_actor(self).map(|_, _, _| ()));
        }
    }

    /// Attempts over interfaces that are gone, or down, have failed.
    fn lose_interfaces(&mut self, network: &HostNetwork) {
        for (id, of) in self.attempts.running() {
            let Some(interface) = self.ranking.candidate(of).and_then(|one| one.interface.clone()) else {
                continue;
            };
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
                (Vec::new(), Network::default())
            }
        };
        for (aim, target) in targets(&self.request, &branches, self.services.secure_dns) {
            if !self.ranking.aims.contains(&aim) {
                self.ranking.aims.push(aim);
                self.tell(Input::Target(target));
            }
        }
        self.ranking.branches = branches.into();
        self.tell(Input::Network(network));
        self.rouse();
    }
}
