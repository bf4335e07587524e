//! Who tells the network monitor of the networks.

use futures::stream::{self, BoxStream, StreamExt};
use neatflow_core::policy::HostNetwork;
use neatflow_stacks::NetworkWatch;
use std::fmt;
use std::sync::Arc;

type Open = dyn Fn() -> BoxStream<'static, HostNetwork> + Send + Sync;

/// Who tells the network monitor of the networks this host is on: at the beginning, and when they have changed.
#[derive(Clone)]
pub struct Source(Option<Arc<Open>>);

impl Source {
    /// The system.
    pub fn system() -> Self {
        Self::from_fn(|| {
            let watch = NetworkWatch::start();
            stream::unfold(watch, |mut watch| async move { Some((watch.next().await?, watch)) })
        })
    }

    /// Nobody: the policy manager looks for itself, and nobody hears of changes.
    pub fn none() -> Self {
        Self(None)
    }

    /// What this gives, each time the monitor starts.
    pub fn from_fn<S: futures::Stream<Item = HostNetwork> + Send + 'static>(
        open: impl Fn() -> S + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(move || open().boxed())))
    }

    /// Whether there is anybody.
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// What it tells, from now on; nothing if there is nobody.
    pub fn open(&self) -> BoxStream<'static, HostNetwork> {
        self.0.as_ref().map_or_else(|| stream::empty().boxed(), |open| open())
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Source" } else { "Source::none" })
    }
}
