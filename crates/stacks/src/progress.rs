//! What an attempt tells its race while it runs, and what it is told.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

pub use neatflow_core::racing::Stage;

/// Where an attempt reports how far it has come: each stage once, however often it is reached. Stays on the
/// attempt's arbiter.
///
/// A stack with a security handshake of its own asks [`may_secure`](Self::may_secure) before it begins that: some
/// races let transports connect, and hold security back until they know what the handshake has to say
/// (draft-ietf-happy-happyeyeballs-v3 §6.3).
#[derive(Clone, Default)]
pub struct Progress(Option<Rc<Watched>>);

struct Watched {
    /// The furthest stage that was reported.
    furthest: Cell<Option<Stage>>,
    listener: Listener,
    permit: Permit,
}

/// Who hears of a stage.
enum Listener {
    /// It is called.
    Called(Box<dyn Fn(Stage)>),
    /// It looks for itself, and is woken for that.
    Woken { news: Cell<[Option<Stage>; 2]>, waker: RefCell<Option<Waker>> },
}

impl Progress {
    /// Calls `report` for each stage; nothing is held back.
    pub fn new(report: impl Fn(Stage) + 'static) -> Self {
        Self::of(Permit::granted(Handshake::default()), Listener::Called(Box::new(report)))
    }

    /// For whoever polls the attempt, and [looks](Self::news) after it; security waits for this permit.
    pub fn watched(permit: Permit) -> Self {
        Self::of(permit, Listener::Woken { news: Cell::default(), waker: RefCell::default() })
    }

    fn of(permit: Permit, listener: Listener) -> Self {
        Self(Some(Rc::new(Watched { furthest: Cell::new(None), listener, permit })))
    }

    /// Nobody listens, and nothing is held back.
    pub fn ignored() -> Self {
        Self(None)
    }

    /// The attempt has reached this stage.
    pub fn reached(&self, stage: Stage) {
        let Some(watched) = self.0.as_ref().filter(|watched| watched.furthest.get() < Some(stage)) else {
            return;
        };
        watched.furthest.set(Some(stage));
        match &watched.listener {
            Listener::Called(report) => report(stage),
            Listener::Woken { news, waker } => {
                let [first, second] = news.get();
                news.set(if first.is_none() { [Some(stage), None] } else { [first, second.or(Some(stage))] });
                let waker = waker.borrow_mut().take();
                waker.into_iter().for_each(Waker::wake);
            }
        }
    }

    /// The stages that were reached since this was asked the last time, in order; only of what is
    /// [watched](Self::watched).
    pub fn news(&self) -> [Option<Stage>; 2] {
        match self.0.as_ref().map(|watched| &watched.listener) {
            Some(Listener::Woken { news, .. }) => news.take(),
            _ => [None; 2],
        }
    }

    /// When the next stage is reached there is news for this task. For an attempt that was polled and is not over: it
    /// may reach a stage while somebody else is at work for it.
    pub fn wake_for_news(&self, task: &Waker) {
        if let Some(Listener::Woken { waker, .. }) = self.0.as_ref().map(|watched| &watched.listener) {
            let mut waker = waker.borrow_mut();
            if waker.as_ref().is_none_or(|known| !known.will_wake(task)) {
                *waker = Some(task.clone());
            }
        }
    }

    /// Waits until the attempt may begin its security handshake, and says what that is to use. At once, unless the
    /// race holds it back.
    ///
    /// *Cancel safety*: nothing is lost.
    pub async fn may_secure(&self) -> Handshake {
        match &self.0 {
            Some(watched) => watched.permit.wait().await,
            None => Handshake::default(),
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("watched", &self.0.is_some()).finish()
    }
}

/// What a security handshake is to use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handshake {
    /// The application protocols, best first, as far as a service binding told.
    pub alpn: Vec<Arc<str>>,
    /// The configuration for Encrypted Client Hello (RFC 9849), if it is to be used.
    pub ech: Option<Arc<[u8]>>,
}

impl Handshake {
    /// With these application protocols.
    #[must_use]
    pub fn alpn(mut self, alpn: Vec<Arc<str>>) -> Self {
        self.alpn = alpn;
        self
    }

    /// With this configuration for Encrypted Client Hello.
    #[must_use]
    pub fn ech(mut self, ech: Option<Arc<[u8]>>) -> Self {
        self.ech = ech;
        self
    }
}

/// Whether an attempt may begin its security handshake: held by whoever runs the race. Clones are one.
#[derive(Clone)]
pub struct Permit(Rc<RefCell<Permission>>);

enum Permission {
    Held(Option<Waker>),
    /// `None`: nothing is known that a handshake could use.
    Granted(Option<Box<Handshake>>),
}

impl Permit {
    /// It may, with this.
    pub fn granted(handshake: Handshake) -> Self {
        Self(Rc::new(RefCell::new(Permission::granted(handshake))))
    }

    /// It has to wait for [`grant`](Self::grant).
    pub fn held() -> Self {
        Self(Rc::new(RefCell::new(Permission::Held(None))))
    }

    /// From now on it may, with this.
    pub fn grant(&self, handshake: Handshake) {
        let before = self.0.replace(Permission::granted(handshake));
        if let Permission::Held(Some(waiting)) = before {
            waiting.wake();
        }
    }

    async fn wait(&self) -> Handshake {
        poll_fn(|cx| match &mut *self.0.borrow_mut() {
            Permission::Granted(handshake) => Poll::Ready(handshake.as_deref().cloned().unwrap_or_default()),
            Permission::Held(waiting) => {
                *waiting = Some(cx.waker().clone());
                Poll::Pending
            }
        })
        .await
    }
}

impl Default for Permit {
    fn default() -> Self {
        Self::held()
    }
}

impl Permission {
    fn granted(handshake: Handshake) -> Self {
        Self::Granted((handshake != Handshake::default()).then(|| Box::new(handshake)))
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let granted = matches!(&*self.0.borrow(), Permission::Granted(_));
        f.debug_tuple("Permit").field(&granted).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use futures::task::{ArcWake, waker};
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Count(AtomicUsize);

    impl ArcWake for Count {
        fn wake_by_ref(count: &Arc<Self>) {
            count.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn security_waits_for_its_permit_and_begins_with_what_that_says() {
        let permit = Permit::held();
        let progress = Progress::watched(permit.clone());
        let mut waiting = Box::pin(progress.may_secure());
        assert_eq!(waiting.as_mut().now_or_never(), None);
        let handshake = Handshake::default().ech(Some([1, 2].into()));
        permit.grant(handshake.clone());
        assert_eq!(waiting.now_or_never(), Some(handshake.clone()));
        assert_eq!(progress.may_secure().now_or_never(), Some(handshake), "whoever asks again");
    }

    #[test]
    fn whoever_watches_hears_each_stage_once_whoever_reached_it() {
        let woken = Arc::new(Count(AtomicUsize::new(0)));
        let waker = waker(woken.clone());
        let progress = Progress::watched(Permit::default());
        progress.reached(Stage::Transport);
        progress.reached(Stage::Transport);
        progress.reached(Stage::Security);
        assert_eq!(progress.news(), [Some(Stage::Transport), Some(Stage::Security)]);
        assert_eq!(progress.news(), [None, None]);

        let progress = Progress::watched(Permit::default());
        progress.wake_for_news(&waker);
        let elsewhere = progress.clone();
        elsewhere.reached(Stage::Security);
        assert_eq!((woken.0.load(Ordering::Relaxed), progress.news()), (1, [Some(Stage::Security), None]));
    }

    #[test]
    fn without_a_race_nothing_is_held_back() {
        assert_eq!(Progress::ignored().may_secure().now_or_never(), Some(Handshake::default()));
        assert_eq!(Progress::new(|_| {}).may_secure().now_or_never(), Some(Handshake::default()));
    }
}
