//! Whether something that the daemon consists of has ended.

use actix::prelude::*;
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::future::pending;
use neatflow::supervision::Down;

/// Hears of the end of those it watches.
pub(super) struct Ended {
    watcher: Addr<Watcher>,
    told: UnboundedReceiver<Down>,
}

impl Ended {
    pub(super) fn watch() -> Self {
        // One message for each that is watched.
        let (tell, told) = unbounded();
        Self { watcher: Watcher(tell).start(), told }
    }

    /// Who is to be told.
    pub(super) fn watcher(&self) -> Addr<Watcher> {
        self.watcher.clone()
    }

    /// Waits for the first; what has ended, and why.
    pub(super) async fn next(&mut self) -> String {
        match self.told.next().await {
            Some(down) => format!("the {} ended for good: {}", down.name, down.reason),
            None => pending().await,
        }
    }
}

pub(super) struct Watcher(UnboundedSender<Down>);

impl Actor for Watcher {
    type Context = Context<Self>;
}

impl Handler<Down> for Watcher {
    type Result = ();

    fn handle(&mut self, down: Down, _: &mut Self::Context) {
        let _ending = self.0.unbounded_send(down);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neatflow::supervision::{Plan, Supervise};

    struct Broken;

    impl Actor for Broken {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.stop();
        }
    }

    impl Supervised for Broken {}

    #[test]
    fn whoever_is_given_up_is_told_by_name() {
        System::new().block_on(async {
            let mut ended = Ended::watch();
            let broken = Supervise::new(Plan::temporary()).name("policy sockets").start(|_| Broken);
            broken.watch(ended.watcher());
            let told = ended.next().await;
            assert!(told.starts_with("the policy sockets ended for good: "), "{told}");
        });
    }
}
