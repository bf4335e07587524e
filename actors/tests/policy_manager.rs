//! What the policy manager answers, learns and keeps.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use actix::prelude::*;
use neatflow_actors::Registry;
use neatflow_actors::policy_manager::messages::{Eligibility, Eligible, Observe};
use neatflow_actors::policy_manager::{Interfaces, PolicyManager};
use neatflow_core::policy::{Observation, Outcome, Request};
use neatflow_core::racing::Memory;
use neatflow_core::{Protocol, TransportProperties};
use neatflow_testing::harness::interfaces;
use neatflow_testing::paused;
use neatflow_testing::stack::ScriptedStack;
use slog::{Discard, Logger, o};
use std::sync::Arc;
use std::time::Duration;

fn logger() -> Logger {
    Logger::root(Discard, o!())
}

fn registry() -> Registry {
    let mut registry = Registry::empty();
    registry.register(Arc::new(ScriptedStack::new()));
    registry
}

fn manager() -> Addr<PolicyManager> {
    PolicyManager::new(&registry(), Interfaces::from_fn(|| Ok(interfaces())), logger()).start()
}

fn request(remote: &str, properties: TransportProperties) -> Arc<Request> {
    let remotes = vec![remote.parse().unwrap()];
    Arc::new(Request { remotes, properties: Arc::new(properties), ..Request::default() })
}

async fn eligible(manager: &Addr<PolicyManager>, request: Arc<Request>) -> Eligibility {
    manager.send(Eligible { request }).await.unwrap().unwrap()
}

fn established(host: &str, remote: &str) -> Observation {
    Observation {
        network: None,
        host: Some(host.into()),
        remote: remote.parse().unwrap(),
        transport: Protocol::named("scripted"),
        outcome: Outcome::Established { rtt: Some(Duration::from_millis(20)) },
    }
}

#[test]
fn a_race_is_told_of_the_network_and_of_what_races_before_it_taught() {
    paused(async {
        let manager = manager();
        let wanted = request("example.org:443", TransportProperties::new());
        let before = eligible(&manager, wanted.clone()).await;
        assert!(before.network.v4 && before.network.v6);
        assert_eq!(before.memory, Memory::default());

        manager.send(Observe(vec![established("example.org", "[2001:db8::1]:443")])).await.unwrap();
        let memory = eligible(&manager, wanted).await.memory;
        let address = "2001:db8::1".parse().unwrap();
        assert_eq!(memory.winner.unwrap().address, address);
        assert_eq!(memory.round_trips[&address], Duration::from_millis(20));

        let other = eligible(&manager, request("example.com:443", TransportProperties::new())).await;
        assert_eq!(other.memory.winner, None, "it won to another host");
    });
}

#[test]
fn an_isolated_session_is_told_nothing_of_earlier_ones() {
    paused(async {
        let manager = manager();
        manager.send(Observe(vec![established("example.org", "192.0.2.1:443")])).await.unwrap();
        let mut isolated = TransportProperties::new();
        isolated.connection.isolate_session = true;
        let told = eligible(&manager, request("example.org:443", isolated)).await;
        assert_eq!(told.memory, Memory::default());
    });
}
