//! The connections whose subscribers want to hear of the networks.

use crate::flow::Shared;
use neatflow_core::policy::NetworkChange;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The connections to be told of the networks. One is here only if somebody subscribed to
/// [`NetworkStatusChanged`](crate::events::NetworkStatusChanged) on it: others cost nothing.
#[derive(Debug, Default)]
pub(crate) struct Audience(Mutex<Vec<Weak<Shared>>>);

impl Audience {
    /// Adds a connection, in place of those that have ended; it is not kept by this.
    pub(crate) fn add(&self, connection: &Arc<Shared>) {
        let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if connections.len() == connections.capacity() {
            connections.retain(|known| known.strong_count() > 0);
        }
        connections.push(Arc::downgrade(connection));
    }

    /// Tells each connection.
    pub(super) fn tell(&self, changes: &Arc<[NetworkChange]>) {
        let connections: Vec<Arc<Shared>> = {
            let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            connections.retain(|known| known.strong_count() > 0);
            connections.iter().filter_map(Weak::upgrade).collect()
        };
        for connection in connections {
            connection.network_changed(changes);
        }
    }
}
