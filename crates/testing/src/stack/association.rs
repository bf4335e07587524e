//! A scripted transport connection: one stream, or several.

use super::link::{Link, WireEnd};
use super::peer::Peer;
use super::{Net, wire};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use neatflow_core::{Failure, Offers};
use neatflow_stacks::{Association, Established, Path, Wire};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

/// What the streams of one transport connection share, at our end. It is alive as long as one of them is.
pub(super) struct Trunk {
    net: Arc<Net>,
    path: Path,
    obtains: Offers,
    /// Streams opened from here have even numbers.
    next: Cell<u64>,
    links: RefCell<Vec<Weak<Link>>>,
    offered: Arc<Offered>,
}

/// Streams that the peer has opened, on their way to us.
pub(super) struct Offered(Mutex<OfferedState>);

struct OfferedState {
    streams: VecDeque<Arc<Link>>,
    /// Streams opened from there have odd numbers.
    next: u64,
    ended: bool,
    waker: Option<Waker>,
}

impl Trunk {
    pub(super) fn new(net: Arc<Net>, path: Path, obtains: Offers) -> Rc<Self> {
        net.lock().alive += 1;
        let offered = OfferedState { streams: VecDeque::new(), next: 1, ended: false, waker: None };
        Rc::new(Self {
            net,
            path,
            obtains,
            next: Cell::new(2),
            links: RefCell::new(Vec::new()),
            offered: Arc::new(Offered(Mutex::new(offered))),
        })
    }

    pub(super) fn single(
        self: Rc<Self>,
        link: Arc<Link>,
        wire: fn(Arc<Link>, Rc<Self>) -> Wire,
    ) -> Established {
        let (obtains, path) = (self.obtains.clone(), self.path.clone());
        Established::single(wire(link, self), obtains, path)
    }

    pub(super) fn several(self: Rc<Self>, link: Arc<Link>) -> Established {
        let association = ScriptedAssociation { trunk: self.clone() };
        Established { association: Some(Box::new(association)), ..self.stream(link) }
    }

    pub(super) fn offered(&self) -> &Arc<Offered> {
        &self.offered
    }

    fn stream(self: Rc<Self>, link: Arc<Link>) -> Established {
        self.links.borrow_mut().push(Arc::downgrade(&link));
        let stream = link.stream;
        Established { stream, ..self.single(link, wire::stream) }
    }
}

impl Drop for Trunk {
    fn drop(&mut self) {
        self.net.lock().alive -= 1;
    }
}

impl Offered {
    /// The peer opens a stream.
    pub(super) fn open(&self, path: Path) -> Arc<Link> {
        let mut state = self.lock();
        let link = Link::new(path, Some(state.next));
        state.next += 2;
        state.streams.push_back(link.clone());
        state.waker.take().into_iter().for_each(Waker::wake);
        link
    }

    /// The peer opens no more.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.waker.take().into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, OfferedState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct ScriptedAssociation {
    trunk: Rc<Trunk>,
}

impl Association for ScriptedAssociation {
    fn open(&self) -> LocalBoxFuture<'static, Result<Established, Failure>> {
        let trunk = self.trunk.clone();
        async move {
            let number = trunk.next.replace(trunk.next.get() + 2);
            let link = Link::new(trunk.path.clone(), Some(number));
            trunk.net.arrived(Peer::new(link.clone(), None).with_trunk(&trunk));
            Ok(trunk.stream(link))
        }
        .boxed_local()
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<Established>> {
        let mut state = self.trunk.offered.lock();
        match state.streams.pop_front() {
            Some(link) => {
                drop(state);
                Poll::Ready(Some(self.trunk.clone().stream(link)))
            }
            None if state.ended => Poll::Ready(None),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn abort(self: Box<Self>) {
        for link in self.trunk.links.borrow().iter().filter_map(Weak::upgrade) {
            link.leave(WireEnd::Aborted);
            link.lock().fail(Failure::Cancelled);
        }
    }
}
