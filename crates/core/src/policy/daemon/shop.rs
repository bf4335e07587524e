//! Who may stay while requests come in: so many at a time, and so many bytes of them.

use std::collections::BTreeMap;

/// So many may be there at a time, telling their requests or taking their answers. Three sockets of so many are less
/// than a process may have open, usually.
pub const MAX_VISITORS: usize = 256;

/// So many bytes of requests that are not answered, and of answers that are not taken, are held at a time at one socket.
pub const MAX_HELD: usize = 16 << 20;

/// Names one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VisitorId(u64);

/// Those that are there. When there are too many, or too much is held of what they said, whoever came
/// first has to go: it had the longest time to finish. So nobody who is quick is kept waiting by those who are not.
#[derive(Clone, Debug)]
pub struct Shop {
    /// What is held of each, in the order in which they came.
    visitors: BTreeMap<VisitorId, usize>,
    held: usize,
    next: u64,
    most: usize,
    most_held: usize,
}

impl Default for Shop {
    fn default() -> Self {
        Self::new(MAX_VISITORS, MAX_HELD)
    }
}

impl Shop {
    /// For so many at a time, at least one, of whom so many bytes are held.
    pub const fn new(most: usize, most_held: usize) -> Self {
        Self {
            visitors: BTreeMap::new(),
            held: 0,
            next: 0,
            most: if most == 0 { 1 } else { most },
            most_held,
        }
    }

    /// One more; and who has to go for it.
    pub fn enter(&mut self) -> (VisitorId, Option<VisitorId>) {
        let goes = if self.visitors.len() >= self.most { self.first() } else { None };
        if let Some(goes) = goes {
            self.leave(goes);
        }
        let id = VisitorId(self.next);
        self.next += 1;
        self.visitors.insert(id, 0);
        (id, goes)
    }

    /// So much is held of one now; who have to go for it, itself perhaps among them.
    pub fn holds(&mut self, id: VisitorId, bytes: usize) -> Vec<VisitorId> {
        let Some(known) = self.visitors.get_mut(&id) else { return Vec::new() };
        self.held = self.held - *known + bytes;
        *known = bytes;
        let mut gone = Vec::new();
        while self.held > self.most_held
            && let Some(goes) = self.visitors.iter().find(|(_, held)| **held > 0).map(|(id, _)| *id)
        {
            self.leave(goes);
            gone.push(goes);
        }
        gone
    }

    /// One is done, or gone.
    pub fn leave(&mut self, id: VisitorId) {
        if let Some(bytes) = self.visitors.remove(&id) {
            self.held -= bytes;
        }
    }

    /// How many are there.
    pub fn len(&self) -> usize {
        self.visitors.len()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.visitors.is_empty()
    }

    fn first(&self) -> Option<VisitorId> {
        self.visitors.keys().next().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_came_first_goes_when_there_are_too_many() {
        let mut shop = Shop::new(2, 100);
        let (one, none) = shop.enter();
        assert_eq!(none, None);
        let (two, none) = shop.enter();
        assert_eq!(none, None);
        let (three, gone) = shop.enter();
        assert_eq!(gone, Some(one));
        shop.leave(two);
        assert_eq!(shop.enter().1, None);
        assert_eq!(shop.enter().1, Some(three));
        assert_eq!(shop.len(), 2);
    }

    #[test]
    fn whoever_came_first_of_those_who_said_something_goes_when_too_much_is_held() {
        let mut shop = Shop::new(10, 100);
        let (_silent, _) = shop.enter();
        let (one, _) = shop.enter();
        let (two, _) = shop.enter();
        assert_eq!(shop.holds(one, 60), []);
        assert_eq!(shop.holds(two, 40), []);
        assert_eq!(shop.holds(two, 41), [one]);
        assert_eq!(shop.holds(two, 100), []);
        assert_eq!(shop.holds(two, 101), [two], "it alone holds too much");
        assert_eq!(shop.holds(two, 1), [], "it is gone");
        assert_eq!((shop.len(), shop.held), (1, 0));
    }

    #[test]
    fn as_many_go_as_it_takes() {
        let mut shop = Shop::new(10, 100);
        let little: Vec<_> = (0..5).map(|_| shop.enter().0).collect();
        for id in &little {
            assert_eq!(shop.holds(*id, 1), []);
        }
        let (much, _) = shop.enter();
        assert_eq!(shop.holds(much, 98), little[..3]);
        assert_eq!(shop.held, 100);
    }
}
