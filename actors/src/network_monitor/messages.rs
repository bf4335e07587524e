//! What may be said to the network monitor, and what it says.

use actix::WeakRecipient;
use actix::prelude::*;
use neatflow_core::policy::{HostNetwork, NetworkChange};
use std::sync::Arc;

// ---------- Said by races, listeners, and the policy manager

/// Tell me of changes from now on; until I have stopped. It does not keep the watcher alive. The transport passes it on
/// for applications.
///
/// Reply: the networks as they are, and as the policy manager knows them; nothing while nobody has looked. Whoever asks
/// again, because it was restarted, is told from then on. Overflow: the asker waits.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Option<Arc<HostNetwork>>")]
pub struct Watch(pub WeakRecipient<NetworkChanged>);

// ---------- Said by the network monitor

/// The networks are different. The policy manager is told first, the others when it has handled that.
///
/// Reply: none. Overflow: one at a time; what is new by then is told when it was handled. Whoever panics over it is told
/// once more, and after that with what changes next.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct NetworkChanged {
    /// As they are now.
    pub network: Arc<HostNetwork>,
    /// What became different since what this watcher has handled last. None of it need be of interest to applications.
    pub changes: Arc<[NetworkChange]>,
}

// ---------- Said by the source

/// The networks are like this now.
///
/// Overflow: the source waits.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Seen(pub(super) HostNetwork);
