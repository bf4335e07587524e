//! Panics on purpose: in an attempt, and in the listener. Both get in by the public API.

use futures::future::LocalBoxFuture;
use neatflow::stacks::tcp::Tcp;
use neatflow::stacks::{Acceptor, Established, ListenOn, Progress, Stack};
use neatflow::{Candidate, Failure, Incoming, Offers, Protocol};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What such a panic says.
const MESSAGE: &str = "on purpose, for the demo";

/// A piece of code that panics as often as it is told to.
#[derive(Clone, Debug, Default)]
pub(super) struct Mischief(Arc<Plot>);

#[derive(Debug, Default)]
struct Plot {
    panics: AtomicUsize,
    runs: AtomicUsize,
}

impl Mischief {
    /// It panics the next time it runs.
    pub(super) fn plot(&self) {
        self.0.panics.fetch_add(1, Ordering::SeqCst);
    }

    /// How often it has run.
    pub(super) fn runs(&self) -> usize {
        self.0.runs.load(Ordering::SeqCst)
    }

    fn run(&self) {
        self.0.runs.fetch_add(1, Ordering::SeqCst);
        let panics = &self.0.panics;
        if panics.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            panic!("{MESSAGE}");
        }
    }

    /// A filter that accepts everybody, when it does not panic.
    pub(super) fn filter(&self) -> impl Fn(&Incoming) -> bool + Send + Sync + use<> {
        let mischief = self.clone();
        move |_| {
            mischief.run();
            true
        }
    }
}

/// TCP, with mischief in every attempt.
#[derive(Debug)]
pub(super) struct UnsteadyTcp {
    tcp: Tcp,
    mischief: Mischief,
}

impl UnsteadyTcp {
    pub(super) fn new(mischief: &Mischief) -> Self {
        Self { tcp: Tcp::new(), mischief: mischief.clone() }
    }
}

impl Stack for UnsteadyTcp {
    fn protocol(&self) -> Protocol {
        self.tcp.protocol()
    }

    fn offers(&self) -> Offers {
        self.tcp.offers()
    }

    fn connect(
        &self,
        candidate: &Arc<Candidate>,
        progress: Progress,
    ) -> LocalBoxFuture<'static, Result<Established, Failure>> {
        self.mischief.run();
        self.tcp.connect(candidate, progress)
    }

    fn listen(&self, on: &ListenOn) -> Result<Box<dyn Acceptor>, Failure> {
        self.tcp.listen(on)
    }
}

/// Leaves what was plotted unsaid. Every other panic is told as ever.
pub(super) fn keep_quiet_about_it() {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let said = info.payload().downcast_ref::<String>().map(String::as_str);
        if said.or_else(|| info.payload().downcast_ref::<&str>().copied()) != Some(MESSAGE) {
            others(info);
        }
    }));
}
