//! The handle of a child.

use super::event::{ChildId, Down};
use super::link::Link;
use actix::WeakRecipient;
use actix::prelude::*;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A supervised actor: its address, and what its parent may do with it.
///
/// It dereferences to the [`Addr`], and keeps the actor alive as an `Addr` does: when the last of them is gone,
/// the child finishes.
pub struct Child<A: Actor> {
    addr: Addr<A>,
    link: Arc<Link>,
}

impl<A: Actor> Child<A> {
    pub(super) fn new(addr: Addr<A>, link: Arc<Link>) -> Self {
        Self { addr, link }
    }

    /// The address: the same through all restarts.
    pub fn addr(&self) -> &Addr<A> {
        &self.addr
    }

    /// The address alone.
    pub fn into_addr(self) -> Addr<A> {
        self.addr
    }

    /// Which child this is; its events say it too.
    pub fn id(&self) -> ChildId {
        self.link.child
    }

    /// The name it was given; by default the name of the actor's type.
    pub fn name(&self) -> &Arc<str> {
        &self.link.terms.name
    }

    /// Sends a [`Down`] when the child has ended for good, at once if it already has; exactly one for each call.
    ///
    /// The watcher is not kept alive by this. `watcher` is an address, a recipient, or a weak one of either.
    pub fn watch(&self, watcher: impl Into<WeakRecipient<Down>>) {
        self.link.watch(watcher.into());
    }

    /// Asks the child to end for good: whatever its policy, it is not restarted.
    ///
    /// It stops as by `ctx.stop()`: mail that is queued is not handled. An actor that refuses in `stopping`, to
    /// finish something, ends when it stops by itself; one that rests before a restart ends at once. To let it
    /// handle its mail first, send it a message of yours, at which it calls [`finish`](super::finish).
    pub fn stop(&self) {
        self.link.stop();
    }
}

impl<A: Actor> Clone for Child<A> {
    fn clone(&self) -> Self {
        Self { addr: self.addr.clone(), link: Arc::clone(&self.link) }
    }
}

impl<A: Actor> Deref for Child<A> {
    type Target = Addr<A>;

    fn deref(&self) -> &Addr<A> {
        &self.addr
    }
}

impl<A: Actor> fmt::Debug for Child<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("id", &self.id()).field("name", self.name()).finish_non_exhaustive()
    }
}
