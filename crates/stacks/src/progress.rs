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
    report: Box<dyn Fn(Stage)>,
    /// The furthest stage that was reported.
    furthest: Cell<Option<Stage>>,
    permit: Permit,
}

impl Progress {
    /// Calls `report` for each stage; nothing is held back.
    pub fn new(report: impl Fn(Stage) + 'static) -> Self {
        Self::with(Permit::granted(Handshake::default()), report)
    }

    /// Calls `report` for each stage; security waits for this permit.
    pub fn with(permit: Permit, report: impl Fn(Stage) + 'static) -> Self {
        Self(Some(Rc::new(Watched { report: Box::new(report), furthest: Cell::new(None), permit })))
    }

    /// Nobody listens, and nothing is held back.
    pub fn ignored() -> Self {
        Self(None)
    }

    /// The attempt has reached this stage.
    pub fn reached(&self, stage: Stage) {
        if let Some(watched) = self.0.as_ref().filter(|watched| watched.furthest.get() < Some(stage)) {
            watched.furthest.set(Some(stage));
            (watched.report)(stage);
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
#[derive(Clone, Default)]
pub struct Permit(Rc<RefCell<Permission>>);

#[derive(Default)]
struct Permission {
    granted: Option<Handshake>,
    waiting: Option<Waker>,
}

impl Permit {
    /// It may, with this.
    pub fn granted(handshake: Handshake) -> Self {
        let permit = Self::held();
        permit.grant(handshake);
        permit
    }

    /// It has to wait for [`grant`](Self::grant).
    pub fn held() -> Self {
        Self::default()
    }

    /// From now on it may, with this.
    pub fn grant(&self, handshake: Handshake) {
        let waiting = {
            let mut permission = self.0.borrow_mut();
            permission.granted = Some(handshake);
            permission.waiting.take()
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    async fn wait(&self) -> Handshake {
        poll_fn(|cx| {
            let mut permission = self.0.borrow_mut();
            if let Some(handshake) = &permission.granted {
                return Poll::Ready(handshake.clone());
            }
            permission.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&self.0.borrow().granted).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn security_waits_for_its_permit_and_begins_with_what_that_says() {
        let permit = Permit::held();
        let progress = Progress::with(permit.clone(), |_| {});
        let mut waiting = Box::pin(progress.may_secure());
        assert_eq!(waiting.as_mut().now_or_never(), None);
        let handshake = Handshake::default().ech(Some([1, 2].into()));
        permit.grant(handshake.clone());
        assert_eq!(waiting.now_or_never(), Some(handshake.clone()));
        assert_eq!(progress.may_secure().now_or_never(), Some(handshake), "whoever asks again");
    }

    #[test]
    fn without_a_race_nothing_is_held_back() {
        assert_eq!(Progress::ignored().may_secure().now_or_never(), Some(Handshake::default()));
        assert_eq!(Progress::new(|_| {}).may_secure().now_or_never(), Some(Handshake::default()));
    }
}
