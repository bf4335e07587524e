//! Virtual time: a clock that jumps to the next timer whenever nothing runs.

use actix::System;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use tokio::sync::oneshot;

/// How many turns everything that is ready gets at the end of a test. Bounded: a task may wake itself for ever.
const LAST_TURNS: usize = 100;

/// Runs a future in a [`System`] of its own, on this thread, in paused time; then takes the system down.
///
/// Timers fire in their order and at once: whenever nothing can run, the clock jumps to the next timer. Real
/// time that passes (in another arbiter, in the kernel) does not move the clock.
///
/// When the future has ended, whatever is ready still gets its turns, the system and its arbiters are stopped,
/// and only then the remaining actors are dropped, inside the runtime: `started` and `stopped` of an actor always
/// find a reactor.
///
/// # Panics
/// When the future panics, after the system was taken down, with the same payload; when the operating system
/// has no more room for a runtime; inside another runtime.
pub fn paused<F: Future>(future: F) -> F::Output {
    let runner = System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .on_thread_park(release_settlers)
            .build()
            .unwrap_or_else(|error| panic!("no runtime for paused time: {error}"))
    });
    let before = PAUSED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| runner.block_on(future)));
    let teardown = catch_unwind(AssertUnwindSafe(|| {
        runner.block_on(async {
            // An actor that was never started would be started by its drop.
            last_turns().await;
            System::current().stop();
            last_turns().await;
        });
        let handle = runner.runtime().tokio_runtime().handle().clone();
        let _reactor = handle.enter();
        drop(runner);
    }));
    PAUSED.set(before);
    match (outcome, teardown) {
        (Ok(output), Ok(())) => output,
        (Err(panic), _) | (Ok(_), Err(panic)) => resume_unwind(panic),
    }
}

/// Like [`paused`], for a closure that makes the future: what it does first already has a current system.
///
/// # Panics
/// As [`paused`].
pub fn run_paused<F: Future>(make: impl FnOnce() -> F) -> F::Output {
    paused(async { make().await })
}

/// Waits until nothing more runs at the present virtual moment: every message that could be handled is handled,
/// and whoever still waits, waits for a timer or for the world outside. The clock does not move.
///
/// It sees its own thread only; work on other arbiters and in the kernel goes on.
///
/// *Cancel safety*: may be dropped at any time.
///
/// # Panics
/// Outside [`paused`], where nobody can tell when nothing runs.
pub async fn settle() {
    assert!(PAUSED.get(), "settle() works inside paused() only");
    // Between the two, the driver looks at every socket once.
    idle().await;
    idle().await;
}

thread_local! {
    static PAUSED: Cell<bool> = const { Cell::new(false) };
    /// Who waits for this thread to have nothing to do.
    static SETTLERS: RefCell<Vec<oneshot::Sender<()>>> = const { RefCell::new(Vec::new()) };
}

/// Waits until the runtime is about to park.
async fn idle() {
    let (release, released) = oneshot::channel();
    SETTLERS.with_borrow_mut(|settlers| settlers.push(release));
    // An error would mean that the runtime, and with it the wish, is gone.
    let _ = released.await;
}

/// The runtime has nothing to do. Whoever is released here keeps it from parking, and the clock from jumping.
fn release_settlers() {
    for settler in SETTLERS.take() {
        // It may have lost interest.
        let _ = settler.send(());
    }
}

/// Gives everything that is ready a turn, many times. A new task queues up behind all of it.
async fn last_turns() {
    for _ in 0..LAST_TURNS {
        let _ = actix_rt::spawn(async {}).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::prelude::*;
    use std::rc::Rc;
    use std::time::Duration;
    use tokio::time::{Instant, sleep};

    #[derive(Default)]
    struct Log(Rc<RefCell<Vec<&'static str>>>);

    impl Actor for Log {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.run_later(Duration::from_secs(3600), |log, _| log.0.borrow_mut().push("an hour later"));
            self.0.borrow_mut().push("started");
        }

        fn stopped(&mut self, ctx: &mut Self::Context) {
            // Needs a reactor.
            ctx.run_later(Duration::from_secs(1), |_, _| ());
            self.0.borrow_mut().push("stopped");
        }
    }

    #[test]
    fn an_hour_passes_at_once() {
        let real = std::time::SystemTime::now();
        let log = Log::default();
        let said = Rc::clone(&log.0);
        paused(async move {
            let _log = log.start();
            sleep(Duration::from_secs(3601)).await;
        });
        assert_eq!(*said.borrow(), ["started", "an hour later", "stopped"]);
        assert!(real.elapsed().unwrap() < Duration::from_secs(60));
    }

    #[test]
    fn settle_waits_for_everything_but_timers_and_leaves_the_clock_alone() {
        paused(async {
            let start = Instant::now();
            let done = Rc::new(Cell::new(0));
            let seen = Rc::clone(&done);
            actix_rt::spawn(async move {
                for _ in 0..1_000 {
                    tokio::task::yield_now().await;
                    actix_rt::spawn(async {}).await.unwrap();
                }
                seen.set(1);
                sleep(Duration::from_millis(1)).await;
                seen.set(2);
            });
            settle().await;
            assert_eq!(done.get(), 1);
            assert_eq!(start.elapsed(), Duration::ZERO);
            sleep(Duration::from_millis(1)).await;
            settle().await;
            assert_eq!(done.get(), 2);
        });
    }

    #[test]
    fn many_may_settle_at_once_and_inside_tasks() {
        paused(async {
            let tasks: Vec<_> = (0..10).map(|_| actix_rt::spawn(settle())).collect();
            settle().await;
            for task in tasks {
                task.await.unwrap();
            }
        });
    }

    #[test]
    fn an_actor_that_was_never_polled_starts_and_stops_with_a_reactor() {
        let log = Log::default();
        let said = Rc::clone(&log.0);
        // Its address escapes, so only the teardown ends it.
        let _escaped = run_paused(|| std::future::ready(log.start()));
        assert_eq!(*said.borrow(), ["started", "stopped"]);
    }

    #[test]
    fn a_failed_test_takes_its_system_down_before_it_fails() {
        let log = Log::default();
        let said = Rc::clone(&log.0);
        let _quiet = crate::quiet_panics("the test failed");
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            paused(async {
                let _log = log.start();
                settle().await;
                panic!("the test failed");
            })
        }));
        assert_eq!(*outcome.unwrap_err().downcast_ref::<&str>().unwrap(), "the test failed");
        assert_eq!(*said.borrow(), ["started", "stopped"]);
    }

    #[test]
    fn a_task_that_wakes_itself_for_ever_does_not_keep_the_test_from_ending() {
        paused(async {
            actix_rt::spawn(async {
                loop {
                    tokio::task::yield_now().await;
                }
            });
        });
    }
}
