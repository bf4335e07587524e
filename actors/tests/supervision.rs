//! Actors that fail, and come back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use actix::prelude::*;
use neatflow_actors::supervision::{
    Child, ChildEvent, ChildEventKind, Down, ExitReason, Intensity, Plan, Restart, Supervise, finish,
    supervise,
};
use neatflow_testing::{QuietPanics, paused, quiet_panics, settle};
use std::panic::{catch_unwind, panic_any, resume_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

// ---------------------------------------------------------------- the same actor

#[test]
fn the_address_and_the_mail_behind_a_panic_survive_it() {
    let _quiet = quiet();
    paused(async {
        let child = supervise(Subject::default(), Plan::permanent());
        let address = child.addr().clone();
        assert_eq!(child.send(Count).await, Ok(1));
        let (panicked, behind, further) =
            futures::join!(address.send(Boom), address.send(Count), address.send(Count));
        assert_eq!(panicked, Err(MailboxError::Closed));
        assert_eq!((behind, further), (Ok(1), Ok(2)), "rebuilt by restarting, in order");
        assert!(address.connected());
    });
}

#[test]
fn every_incarnation_is_started_and_only_the_last_one_is_stopped() {
    let _quiet = quiet();
    paused(async {
        let subject = Subject::default();
        let life = subject.life.clone();
        let child = supervise(subject, Plan::permanent());
        let _ = child.send(Boom).await;
        child.send(Count).await.unwrap();
        child.stop();
        settle().await;
        assert_eq!(life.told(), ["started", "restarting", "started", "stopping", "stopped", "dropped"]);
    });
}

#[test]
fn what_the_old_incarnation_spawned_is_gone() {
    let _quiet = quiet();
    paused(async {
        let subject = Subject::default();
        let life = subject.life.clone();
        let child = supervise(subject, Plan::permanent());
        child.send(After(Duration::from_secs(1), "old")).await.unwrap();
        let _ = child.send(Boom).await;
        child.send(After(Duration::from_secs(1), "new")).await.unwrap();
        sleep(Duration::from_secs(10)).await;
        assert!(!life.told().contains(&"old"));
        assert!(life.told().contains(&"new"));
    });
}

#[test]
fn a_timer_cancelled_just_before_a_panic_takes_no_timer_of_the_new_incarnation_with_it() {
    #[derive(Default)]
    struct Heart {
        timer: SpawnHandle,
        beats: Life,
    }

    impl Actor for Heart {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Self::Context) {
            self.timer = ctx.run_interval(Duration::from_secs(1), |heart, _| heart.beats.tell("beat"));
        }
    }

    impl Supervised for Heart {}

    impl Handler<Boom> for Heart {
        type Result = ();

        fn handle(&mut self, _: Boom, ctx: &mut Self::Context) {
            ctx.cancel_future(self.timer);
            panic_any("as planned");
        }
    }

    let _quiet = quiet();
    paused(async {
        let heart = Heart::default();
        let beats = heart.beats.clone();
        let heart = supervise(heart, Plan::permanent());
        settle().await;
        let _ = heart.send(Boom).await;
        sleep(Duration::from_millis(5500)).await;
        assert_eq!(beats.told().len(), 5);
    });
}

// ---------------------------------------------------------------- budget and back-off

#[test]
fn restarts_wait_longer_each_time_on_a_virtual_clock() {
    let _quiet = quiet();
    paused(async {
        let (ear, heard) = Ear::start_new();
        let child =
            Supervise::new(Plan::permanent()).name("egg").parent(ear.clone()).start(|_| Subject::default());
        let mut waits = Vec::new();
        for _ in 0..4 {
            let broken = Instant::now();
            let _ = child.send(Boom).await;
            child.send(Count).await.unwrap();
            waits.push(broken.elapsed());
        }
        let doubled = [50, 100, 200, 400].map(Duration::from_millis);
        assert_eq!(waits, doubled);
        let mut events = Vec::new();
        for (attempt, wait) in (1..).zip(doubled) {
            events.push(ChildEventKind::Restarting { attempt, reason: panicked(), wait });
            events.push(ChildEventKind::Restarted { attempt });
        }
        assert_eq!(heard.kinds(), events);
        assert!(
            heard
                .events
                .lock()
                .unwrap()
                .iter()
                .all(|event| event.child == child.id() && &*event.name == "egg")
        );
    });
}

#[test]
fn a_child_that_keeps_failing_is_given_up_and_its_parent_is_told_once() {
    let _quiet = quiet();
    paused(async {
        let (ear, heard) = Ear::start_new();
        let subject = Subject::default();
        let life = subject.life.clone();
        let plan = Plan::permanent().intensity(Intensity { restarts: 2, ..Intensity::default() });
        let child = Supervise::new(plan).parent(ear.clone()).start(|_| subject);
        for _ in 0..2 {
            let _ = child.send(Boom).await;
        }
        let (last, behind) = futures::join!(child.send(Boom), child.send(Count));
        assert_eq!((last, behind), (Err(MailboxError::Closed), Err(MailboxError::Closed)));
        assert!(!child.connected());
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(heard.ends(), [ChildEventKind::GaveUp { reason: panicked() }]);
        assert_eq!(heard.kinds().len(), 5, "nothing follows");
        assert!(life.told().ends_with(&["stopping", "stopped", "dropped"]));
    });
}

#[test]
fn failures_that_are_rare_are_forgiven_for_ever() {
    let _quiet = quiet();
    paused(async {
        let (ear, heard) = Ear::start_new();
        let plan = Plan::permanent().intensity(Intensity { restarts: 1, ..Intensity::default() });
        let child = Supervise::new(plan).parent(ear.clone()).start(|_| Subject::default());
        for _ in 0..20 {
            let _ = child.send(Boom).await;
            sleep(Duration::from_secs(10)).await;
        }
        assert_eq!(child.send(Count).await, Ok(1));
        assert_eq!(heard.ends(), []);
    });
}

#[test]
fn a_child_that_never_starts_leaves_its_arbiter_to_the_others() {
    let _quiet = quiet();
    for backoff in [Duration::ZERO, Duration::from_millis(50)] {
        paused(async move {
            let (ear, heard) = Ear::start_new();
            let plan =
                Plan::permanent().intensity(Intensity { restarts: 20, backoff, ..Intensity::default() });
            let child = Supervise::new(plan).parent(ear.clone()).start(|_| Subject::failing_in("started"));
            let mut late = Duration::ZERO;
            for _ in 0..100 {
                let set = Instant::now();
                sleep(Duration::from_millis(1)).await;
                late = late.max(set.elapsed() - Duration::from_millis(1));
            }
            assert_eq!(late, Duration::ZERO, "a timer of 1 ms was late");
            assert!(heard.kinds().len() >= 3, "it did fail meanwhile");
            let wait = backoff.max(Duration::from_millis(1));
            assert_eq!(heard.kinds()[0], ChildEventKind::Restarting { attempt: 1, reason: panicked(), wait });
            sleep(Duration::from_secs(60)).await;
            if backoff.is_zero() {
                assert_eq!(heard.ends(), [ChildEventKind::GaveUp { reason: panicked() }]);
            } else {
                assert_eq!(heard.ends(), [], "waits of 5 s keep 20 restarts out of any 10 s");
            }
            drop(child);
        });
    }
}

#[test]
fn a_child_that_fails_at_every_start_does_not_delay_a_real_timer_either() {
    let _quiet = quiet();
    let late = System::new().block_on(async {
        let intensity = Intensity { restarts: usize::MAX, backoff: Duration::ZERO, ..Intensity::default() };
        let child = supervise(Subject::failing_in("started"), Plan::permanent().intensity(intensity));
        let set = Instant::now();
        sleep(Duration::from_millis(1)).await;
        let late = set.elapsed();
        child.stop();
        sleep(Duration::from_millis(1)).await;
        late
    });
    assert!(late < Duration::from_secs(1), "a timer of 1 ms took {late:?}");
}

#[test]
fn a_child_that_stops_as_soon_as_it_starts_is_given_up_too() {
    struct Reluctant;

    impl Actor for Reluctant {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.stop();
        }
    }

    impl Supervised for Reluctant {}

    paused(async {
        let (ear, heard) = Ear::start_new();
        let _child = Supervise::new(Plan::permanent()).parent(ear.clone()).start(|_| Reluctant);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(heard.ends(), [ChildEventKind::GaveUp { reason: ExitReason::Stopped }]);
        assert_eq!(heard.kinds().len(), 2 * 5 + 1);
    });
}

#[test]
fn a_panic_does_not_disturb_the_siblings() {
    let _quiet = quiet();
    paused(async {
        let bad = supervise(Subject::failing_in("started"), Plan::permanent());
        let good: Vec<_> = (0..3).map(|_| supervise(Subject::default(), Plan::permanent())).collect();
        for expected in 1..=50 {
            for child in &good {
                assert_eq!(child.send(Count).await, Ok(expected));
            }
            sleep(Duration::from_millis(20)).await;
        }
        drop(bad);
    });
}

// ---------------------------------------------------------------- policies

#[test]
fn after_a_panic_permanent_and_transient_children_return_and_temporary_ones_do_not() {
    let _quiet = quiet();
    for (restart, returns) in
        [(Restart::Permanent, true), (Restart::Transient, true), (Restart::Temporary, false)]
    {
        paused(async move {
            let (ear, heard) = Ear::start_new();
            let child = Supervise::new(restart).parent(ear.clone()).start(|_| Subject::default());
            let _ = child.send(Boom).await;
            assert_eq!(child.send(Count).await.is_ok(), returns, "{restart:?}");
            settle().await;
            let ends = if returns { vec![] } else { vec![ChildEventKind::GaveUp { reason: panicked() }] };
            assert_eq!(heard.ends(), ends, "{restart:?}");
        });
    }
}

#[test]
fn after_it_stopped_by_itself_only_a_permanent_child_returns() {
    for (restart, returns) in
        [(Restart::Permanent, true), (Restart::Transient, false), (Restart::Temporary, false)]
    {
        paused(async move {
            let (ear, heard) = Ear::start_new();
            let child = Supervise::new(restart).parent(ear.clone()).start(|_| Subject::default());
            child.send(Halt).await.unwrap();
            assert_eq!(child.send(Count).await.is_ok(), returns, "{restart:?}");
            settle().await;
            assert_eq!(
                heard.ends(),
                if returns { vec![] } else { vec![ChildEventKind::Finished] },
                "{restart:?}"
            );
        });
    }
}

#[test]
fn a_permanent_child_that_is_told_to_stop_finishes() {
    paused(async {
        let (ear, heard) = Ear::start_new();
        let child = Supervise::new(Plan::permanent()).parent(ear.clone()).start(|_| Subject::default());
        settle().await;
        child.clone().stop();
        settle().await;
        assert!(!child.connected());
        assert_eq!(heard.kinds(), [ChildEventKind::Finished]);
        child.stop();
        settle().await;
        assert_eq!(heard.kinds(), [ChildEventKind::Finished]);
    });
}

#[test]
fn a_permanent_child_that_says_it_has_finished_finishes() {
    paused(async {
        let (ear, heard) = Ear::start_new();
        let child = Supervise::new(Plan::permanent()).parent(ear.clone()).start(|_| Subject::default());
        let (counted, _) = futures::join!(child.send(Count), child.send(Finish));
        settle().await;
        assert_eq!(counted, Ok(1), "mail before it was handled");
        assert_eq!(heard.kinds(), [ChildEventKind::Finished]);

        // It is this actor that has finished, not the next one that stops on this thread.
        let plain = Subject::default().start();
        let other = supervise(Subject::default(), Plan::permanent());
        plain.send(Finish).await.unwrap();
        let late = supervise(Subject::default(), Plan::permanent());
        for child in [other, late] {
            child.send(Halt).await.unwrap();
            assert_eq!(child.send(Count).await, Ok(1));
        }
    });
}

#[test]
fn a_child_that_rests_ends_at_once_when_it_is_told_to_stop() {
    let _quiet = quiet();
    paused(async {
        let (ear, heard) = Ear::start_new();
        let subject = Subject::default();
        let life = subject.life.clone();
        let child = Supervise::new(Plan::permanent()).parent(ear.clone()).start(|_| subject);
        let _ = child.send(Boom).await;
        let start = Instant::now();
        child.stop();
        settle().await;
        assert_eq!(heard.ends(), [ChildEventKind::Finished]);
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(life.told(), ["started", "stopping", "stopped", "dropped"]);
    });
}

#[test]
fn an_actor_that_refuses_to_stop_ends_when_it_stops_by_itself() {
    paused(async {
        let (ear, heard) = Ear::start_new();
        let subject = Subject::refusing_to_stop(1);
        let child = Supervise::new(Plan::permanent()).parent(ear.clone()).start(|_| subject);
        settle().await;
        child.stop();
        settle().await;
        assert_eq!(child.send(Count).await, Ok(1), "it has something to finish");
        assert_eq!(heard.kinds(), []);
        child.send(Halt).await.unwrap();
        settle().await;
        assert_eq!(heard.kinds(), [ChildEventKind::Finished], "not restarted");
    });
}

#[test]
fn an_actor_that_never_agrees_to_stop_is_given_up_without_more_mail() {
    let _quiet = quiet();
    paused(async {
        let subject = Subject::refusing_to_stop(usize::MAX);
        let life = subject.life.clone();
        let child = supervise(subject, Plan::temporary());
        let (_, behind) = futures::join!(child.send(Boom), child.send(Count));
        assert_eq!(behind, Err(MailboxError::Closed));
        assert_eq!(life.told(), ["started", "stopping", "dropped"]);
    });
}

#[test]
fn a_child_whose_every_address_is_gone_has_finished() {
    let _quiet = quiet();
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        paused(async move {
            let (ear, heard) = Ear::start_new();
            drop(Supervise::new(restart).parent(ear.clone()).start(|_| Subject::default()));
            settle().await;
            assert_eq!(heard.kinds(), [ChildEventKind::Finished], "{restart:?}, while it ran");
        });
    }
    paused(async {
        let (ear, heard) = Ear::start_new();
        let child = Supervise::new(Plan::permanent()).parent(ear.clone()).start(|_| Subject::default());
        let _ = child.send(Boom).await;
        drop(child);
        sleep(Duration::from_millis(51)).await;
        assert_eq!(heard.kinds().len(), 2, "restarting, but not restarted");
        assert_eq!(heard.ends(), [ChildEventKind::Finished], "while it rested");
    });
}

#[test]
fn a_panic_after_the_last_address_went_is_still_told() {
    let _quiet = quiet();
    paused(async {
        let (ear, heard) = Ear::start_new();
        let child = Supervise::new(Plan::permanent()).parent(ear.clone()).start(|_| Subject::default());
        child.try_send(Boom).unwrap();
        drop(child);
        settle().await;
        assert_eq!(heard.kinds(), [ChildEventKind::GaveUp { reason: panicked() }]);
    });
}

// ---------------------------------------------------------------- who is told

#[test]
fn every_watcher_is_told_once_and_a_late_one_at_once() {
    let _quiet = quiet();
    paused(async {
        let (ear, heard) = Ear::start_new();
        let child = Supervise::new(Plan::temporary()).name("egg").start(|_| Subject::default());
        child.watch(ear.clone());
        child.watch(ear.clone().recipient());
        settle().await;
        assert_eq!(heard.downs(), []);
        let _ = child.send(Boom).await;
        settle().await;
        let down = heard.downs();
        assert_eq!(down.len(), 2, "one for each call");
        assert_eq!((down[0].child, &*down[0].name, &down[0].reason), (child.id(), "egg", &panicked()));
        child.watch(ear.downgrade());
        settle().await;
        assert_eq!(heard.downs().len(), 3);
    });
}

#[test]
fn a_watcher_that_is_told_finds_the_actor_dropped() {
    struct Late {
        life: Life,
        seen: Life,
    }

    impl Actor for Late {
        type Context = Context<Self>;
    }

    impl Handler<Down> for Late {
        type Result = ();

        fn handle(&mut self, _: Down, _: &mut Self::Context) {
            *self.seen.0.lock().unwrap() = self.life.told();
        }
    }

    paused(async {
        let subject = Subject::default();
        let (life, seen) = (subject.life.clone(), Life::default());
        let late = Late { life, seen: seen.clone() }.start();
        let child = supervise(subject, Plan::permanent());
        child.watch(late.clone());
        settle().await;
        child.stop();
        settle().await;
        assert_eq!(seen.told(), ["started", "stopping", "stopped", "dropped"]);
    });
}

#[test]
fn neither_a_parent_nor_a_watcher_is_kept_alive() {
    paused(async {
        let (ear, _heard) = Ear::start_new();
        let weak = ear.downgrade();
        let child = Supervise::new(Plan::permanent()).parent(ear.clone()).start(|_| Subject::default());
        child.watch(ear);
        settle().await;
        assert!(weak.upgrade().is_none());
        assert_eq!(child.send(Count).await, Ok(1), "an orphan works on");
    });
}

#[test]
fn restarts_and_giving_up_are_logged_and_a_drain_that_panics_costs_nothing() {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl slog::Drain for Lines {
        type Ok = ();
        type Err = slog::Never;

        fn log(&self, record: &slog::Record<'_>, _: &slog::OwnedKVList) -> Result<(), slog::Never> {
            self.0.lock().unwrap().push(format!("{} {}", record.level(), record.msg()));
            panic_any("as planned");
        }
    }

    let _quiet = quiet();
    paused(async {
        let lines = Lines::default();
        let log = slog::Logger::root(lines.clone(), slog::o!());
        let plan = Plan::transient().intensity(Intensity { restarts: 1, ..Intensity::default() });
        let child = Supervise::new(plan).logger(log).start(|_| Subject::default());
        let _ = child.send(Boom).await;
        let _ = child.send(Boom).await;
        settle().await;
        let lines = lines.0.lock().unwrap();
        assert!(lines.contains(&"WARN restarting".to_owned()), "{lines:?}");
        assert!(lines.contains(&"ERRO gave up".to_owned()), "{lines:?}");
        assert_eq!(&**child.name(), "Subject");
    });
}

// ---------------------------------------------------------------- panics in odd places

#[test]
fn a_panic_in_restarting_costs_a_restart_like_any_other() {
    let _quiet = quiet();
    paused(async {
        let (ear, heard) = Ear::start_new();
        let subject = Subject::failing_in("restarting");
        let life = subject.life.clone();
        let child = Supervise::new(Plan::permanent()).parent(ear.clone()).start(|_| subject);
        let _ = child.send(Boom).await;
        sleep(Duration::from_secs(60)).await;
        assert_eq!(heard.ends(), [ChildEventKind::GaveUp { reason: panicked() }]);
        assert_eq!(heard.kinds().len(), 5 + 1, "never restarted");
        let told = life.told();
        assert_eq!(told.iter().filter(|what| **what == "started").count(), 1, "{told:?}");
        assert!(!child.connected());
    });
}

#[test]
fn a_panic_while_it_stops_is_a_panic_like_any_other() {
    let _quiet = quiet();
    for place in ["stopping", "stopped"] {
        paused(async move {
            let child = supervise(Subject::failing_in(place), Plan::transient());
            child.send(Halt).await.unwrap();
            assert_eq!(child.send(Count).await, Ok(1), "{place}");
            // Told to stop, it is not restarted; and its second panic in the same place harms nobody.
            let (ear, heard) = Ear::start_new();
            child.watch(ear.clone());
            child.stop();
            settle().await;
            assert_eq!(heard.downs()[0].reason, panicked(), "{place}");
        });
    }
}

#[test]
fn a_panic_in_its_destructor_does_not_keep_the_end_from_being_told() {
    let _quiet = quiet();
    paused(async {
        let (ear, heard) = Ear::start_new();
        let child =
            Supervise::new(Plan::permanent()).parent(ear.clone()).start(|_| Subject::failing_in("dropped"));
        settle().await;
        child.stop();
        settle().await;
        assert_eq!(heard.kinds(), [ChildEventKind::Finished]);
        assert!(!child.connected());
    });
}

#[test]
fn a_panic_in_a_future_of_the_context_is_a_panic_like_any_other() {
    let _quiet = quiet();
    paused(async {
        let child = supervise(Subject::default(), Plan::permanent());
        child.send(Count).await.unwrap();
        child.send(After(Duration::from_secs(1), "panic")).await.unwrap();
        sleep(Duration::from_millis(1001)).await;
        assert_eq!(child.send(Count).await, Ok(1));
    });
}

#[test]
fn an_actor_that_cannot_even_be_made_is_given_up() {
    let _quiet = quiet();
    paused(async {
        let (ear, heard) = Ear::start_new();
        let child: Child<Subject> =
            Supervise::new(Plan::permanent()).parent(ear.clone()).start(|_| panic_any("as planned"));
        assert!(!child.connected());
        settle().await;
        assert_eq!(heard.kinds(), [ChildEventKind::GaveUp { reason: panicked() }]);
    });
}

#[test]
fn a_panic_without_a_message_is_a_panic_too() {
    struct Mute;

    impl Actor for Mute {
        type Context = Context<Self>;

        fn started(&mut self, _: &mut Self::Context) {
            resume_unwind(Box::new(7));
        }
    }

    impl Supervised for Mute {}

    paused(async {
        let (ear, heard) = Ear::start_new();
        let _child = Supervise::new(Plan::temporary()).parent(ear.clone()).start(|_| Mute);
        settle().await;
        let reason = ExitReason::Panicked(Arc::from("(no message)"));
        assert_eq!(heard.kinds(), [ChildEventKind::GaveUp { reason }]);
    });
}

#[test]
fn a_child_that_panics_in_its_last_moment_does_not_abort_the_process() {
    let _quiet = quiet();
    for place in ["stopping", "stopped", "dropped"] {
        // The test ends, and with it the system, while the child still runs, or rests.
        paused(async move {
            let child = supervise(Subject::failing_in(place), Plan::permanent());
            child.send(Count).await.unwrap();
            std::mem::forget(child);
        });
        paused(async move {
            let child = supervise(Subject::failing_in(place), Plan::permanent());
            let _ = child.send(Boom).await;
            std::mem::forget(child);
        });
        // The system goes down because of a panic: a plain actor that panics now would abort the process.
        let outcome = catch_unwind(|| {
            System::new().block_on(async move {
                let child = supervise(Subject::failing_in(place), Plan::permanent());
                child.send(Count).await.unwrap();
                std::mem::forget(child);
                panic_any("as planned");
            });
        });
        assert!(outcome.is_err());
    }
}

// ---------------------------------------------------------------- other arbiters

#[test]
fn a_child_lives_and_is_restarted_on_another_arbiter() {
    let _quiet = quiet();
    paused(async {
        let (ear, heard) = Ear::start_new();
        let arbiter = Arbiter::new();
        let supervise = Supervise::new(quick()).parent(ear.clone()).on(&arbiter.handle());
        let child = supervise.start(|_| Subject::default());
        let (counted, failed, behind) =
            futures::join!(child.send(Count), child.send(Boom), child.send(Count));
        assert_eq!((counted, failed, behind), (Ok(1), Err(MailboxError::Closed), Ok(1)));
        assert_ne!(child.send(Where).await.unwrap(), thread::current().id());
        child.watch(ear.clone());
        child.stop();
        heard.until(|heard| !heard.downs().is_empty()).await;
        assert_eq!(heard.ends(), [ChildEventKind::Finished]);
    });
}

#[test]
fn a_child_that_is_cut_off_with_its_arbiter_is_given_up() {
    paused(async {
        let (ear, heard) = Ear::start_new();
        let arbiter = Arbiter::new();
        let handle = arbiter.handle();
        let subject = Subject::default();
        let life = subject.life.clone();
        let child = Supervise::new(Plan::permanent()).parent(ear.clone()).on(&handle).start(|_| subject);
        child.send(Count).await.unwrap();
        arbiter.stop();
        heard.until(|heard| !heard.kinds().is_empty()).await;
        assert_eq!(heard.kinds(), [ChildEventKind::GaveUp { reason: ExitReason::Stopped }]);
        assert_eq!(life.told(), ["started", "stopping", "stopped", "dropped"]);

        arbiter.join().unwrap();
        let supervise = Supervise::new(Plan::permanent()).parent(ear.clone()).on(&handle);
        let stillborn = supervise.start(|_| Subject::default());
        assert!(!stillborn.connected());
        heard.until(|heard| heard.ends().len() == 2).await;
    });
}

// ---------------------------------------------------------------- the cast

fn quiet() -> QuietPanics {
    quiet_panics("as planned")
}

fn panicked() -> ExitReason {
    ExitReason::Panicked(Arc::from("as planned"))
}

/// For arbiters whose time is real.
fn quick() -> Plan {
    Plan::permanent().intensity(Intensity { backoff: Duration::from_millis(1), ..Intensity::default() })
}

/// What an actor went through.
#[derive(Clone, Default)]
struct Life(Arc<Mutex<Vec<&'static str>>>);

impl Life {
    fn tell(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    fn told(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

/// The actor that fails.
#[derive(Default)]
struct Subject {
    count: usize,
    life: Life,
    fails_in: &'static str,
    refusals: usize,
}

impl Subject {
    fn failing_in(fails_in: &'static str) -> Self {
        let mut subject = Self::default();
        subject.fails_in = fails_in;
        subject
    }

    fn refusing_to_stop(refusals: usize) -> Self {
        let mut subject = Self::default();
        subject.refusals = refusals;
        subject
    }

    fn live(&self, moment: &'static str) {
        self.life.tell(moment);
        if self.fails_in == moment {
            panic_any("as planned");
        }
    }
}

impl Actor for Subject {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.live("started");
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.live("stopping");
        if self.refusals == 0 {
            return Running::Stop;
        }
        self.refusals -= 1;
        Running::Continue
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.live("stopped");
    }
}

impl Supervised for Subject {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.live("restarting");
        self.count = 0;
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.live("dropped");
    }
}

#[derive(Message)]
#[rtype(result = "usize")]
struct Count;

impl Handler<Count> for Subject {
    type Result = usize;

    fn handle(&mut self, _: Count, _: &mut Self::Context) -> usize {
        self.count += 1;
        self.count
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Boom;

impl Handler<Boom> for Subject {
    type Result = ();

    fn handle(&mut self, _: Boom, _: &mut Self::Context) {
        panic!("as {}", "planned");
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Halt;

impl Handler<Halt> for Subject {
    type Result = ();

    fn handle(&mut self, _: Halt, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Finish;

impl Handler<Finish> for Subject {
    type Result = ();

    fn handle(&mut self, _: Finish, ctx: &mut Self::Context) {
        finish(ctx);
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct After(Duration, &'static str);

impl Handler<After> for Subject {
    type Result = ();

    fn handle(&mut self, After(wait, what): After, ctx: &mut Self::Context) {
        ctx.run_later(wait, move |subject, _| {
            assert!(what != "panic", "as planned");
            subject.life.tell(what);
        });
    }
}

struct Where;

impl Message for Where {
    type Result = ThreadId;
}

impl Handler<Where> for Subject {
    type Result = MessageResult<Where>;

    fn handle(&mut self, _: Where, _: &mut Self::Context) -> Self::Result {
        MessageResult(thread::current().id())
    }
}

/// The parent and watcher.
struct Ear(Heard);

/// What it heard.
#[derive(Clone, Default)]
struct Heard {
    events: Arc<Mutex<Vec<ChildEvent>>>,
    downs: Arc<Mutex<Vec<Down>>>,
    news: Arc<Notify>,
}

impl Ear {
    fn start_new() -> (Addr<Self>, Heard) {
        let heard = Heard::default();
        (Self(heard.clone()).start(), heard)
    }
}

impl Heard {
    fn kinds(&self) -> Vec<ChildEventKind> {
        self.events.lock().unwrap().iter().map(|event| event.what.clone()).collect()
    }

    fn ends(&self) -> Vec<ChildEventKind> {
        let is_end =
            |kind: &ChildEventKind| matches!(kind, ChildEventKind::GaveUp { .. } | ChildEventKind::Finished);
        self.kinds().into_iter().filter(is_end).collect()
    }

    fn downs(&self) -> Vec<Down> {
        self.downs.lock().unwrap().clone()
    }

    /// Waits for news from other threads, whose time is not ours.
    async fn until(&self, enough: impl Fn(&Self) -> bool) {
        while !enough(self) {
            self.news.notified().await;
        }
    }
}

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<ChildEvent> for Ear {
    type Result = ();

    fn handle(&mut self, event: ChildEvent, _: &mut Self::Context) {
        self.0.events.lock().unwrap().push(event);
        self.0.news.notify_one();
    }
}

impl Handler<Down> for Ear {
    type Result = ();

    fn handle(&mut self, down: Down, _: &mut Self::Context) {
        self.0.downs.lock().unwrap().push(down);
        self.0.news.notify_one();
    }
}
