//! The networks this machine is on, and when they change.
//!
//! On Linux the kernel tells (rtnetlink), and everything is looked up again, at most once in 20 ms: what was missed or
//! merged does not matter then. Elsewhere, and where the kernel does not let us listen, the interfaces are looked up
//! every two seconds, and routes are not known.

mod interfaces;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

pub use interfaces::{Interface, interface_index, interfaces};

#[cfg(target_os = "linux")]
use linux::Kernel;
use neatflow_core::policy::{HostNetwork, InterfaceRow};
#[cfg(not(target_os = "linux"))]
use other::Kernel;
use std::io;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often interfaces are looked up where nobody tells of changes.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long one look at everything may take before the kernel is asked anew.
const LOOK: Duration = Duration::from_secs(5);

/// How long it is quiet after a look.
const REST: Duration = Duration::from_millis(20);

/// Follows the networks this machine is on. Dropping it ends that.
#[derive(Debug)]
pub struct NetworkWatch {
    latest: watch::Receiver<HostNetwork>,
    task: JoinHandle<()>,
}

impl NetworkWatch {
    /// Begins to follow them.
    ///
    /// *Panics* outside of a tokio runtime.
    pub fn start() -> Self {
        let (tell, latest) = watch::channel(HostNetwork::default());
        Self { latest, task: tokio::spawn(follow(tell)) }
    }

    /// The networks as they are, once at the beginning and then whenever something has changed. Never ends but with the
    /// runtime.
    ///
    /// *Cancel safety*: safe; a change is not lost.
    pub async fn next(&mut self) -> Option<HostNetwork> {
        self.latest.changed().await.ok()?;
        Some(self.latest.borrow_and_update().clone())
    }
}

impl Drop for NetworkWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The networks as they are, as far as the interfaces tell: routes and the states of addresses are not known.
///
/// *Errors*: those of the system.
pub fn network() -> io::Result<HostNetwork> {
    let rows = interfaces()?.into_iter().map(|interface| InterfaceRow {
        name: interface.name.into(),
        index: interface.index,
        addresses: interface.addresses,
        up: interface.up,
        loopback: interface.loopback,
        ..InterfaceRow::default()
    });
    Ok(HostNetwork::new(rows.collect()))
}

async fn follow(tell: watch::Sender<HostNetwork>) {
    loop {
        if let Ok(kernel) = Kernel::open() {
            // However it ends: it is asked anew.
            let _ = follow_kernel(kernel, &tell).await;
        }
        if let Ok(network) = network() {
            announce(&tell, network);
        }
        tokio::time::sleep(PATIENCE).await;
    }
}

/// Looks whenever the kernel tells of a change.
async fn follow_kernel(mut kernel: Kernel, tell: &watch::Sender<HostNetwork>) -> io::Result<()> {
    loop {
        let network = tokio::time::timeout(LOOK, kernel.look()).await;
        announce(tell, network.map_err(|_| io::ErrorKind::TimedOut)??);
        tokio::time::sleep(REST).await;
        kernel.changed().await?;
    }
}

/// Tells of a network, the first time and if it is another one.
fn announce(tell: &watch::Sender<HostNetwork>, network: HostNetwork) {
    let mut first = tell.borrow().interfaces.is_empty();
    tell.send_if_modified(|known| {
        let changed = std::mem::take(&mut first) || *known != network;
        *known = network;
        changed
    });
}
