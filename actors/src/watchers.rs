//! Futures that wait for something to change.

use std::collections::BTreeMap;
use std::task::Waker;

/// Whom to wake. Each future has one place, which it leaves when it is dropped: what is idle for long keeps nothing of
/// those that have given up.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    waiting: BTreeMap<u64, Waker>,
    places: u64,
}

/// The place of one future, once it has waited. It stays the same.
pub(crate) type Place = Option<u64>;

impl Watchers {
    /// Wakes the future at this place, once; the waker that was there before is given back.
    pub(crate) fn watch(&mut self, place: &mut Place, waker: &Waker) -> Option<Waker> {
        let place = *place.get_or_insert_with(|| {
            self.places += 1;
            self.places
        });
        match self.waiting.get_mut(&place) {
            Some(known) if known.will_wake(waker) => None,
            Some(known) => Some(std::mem::replace(known, waker.clone())),
            None => self.waiting.insert(place, waker.clone()),
        }
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whoever had this place waits no longer.
    pub(crate) fn leave(&mut self, place: Place) -> Option<Waker> {
        self.waiting.remove(&place?)
    }

    /// Everybody who waits, to be woken.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Waker> + use<> {
        std::mem::take(&mut self.waiting).into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::task::Wake;

    struct Ear;

    impl Wake for Ear {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_future_has_one_place_whoever_polls_it() {
        let (mut watchers, mut place) = (Watchers::default(), None);
        let wakers = [Waker::from(Arc::new(Ear)), Waker::from(Arc::new(Ear))];
        assert!(watchers.watch(&mut place, &wakers[0]).is_none());
        assert!(watchers.watch(&mut place, &wakers[0]).is_none());
        assert!(watchers.watch(&mut place, &wakers[1]).is_some_and(|before| before.will_wake(&wakers[0])));
        let woken: Vec<_> = watchers.take().collect();
        assert!(woken.len() == 1 && woken[0].will_wake(&wakers[1]));
        assert!(watchers.watch(&mut place, &wakers[0]).is_none());
        assert!(watchers.leave(place).is_some());
        assert!(watchers.waiting.is_empty() && watchers.leave(None).is_none());
    }
}
