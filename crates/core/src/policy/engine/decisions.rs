//! What was decided lately, so that it need not be decided again.

/// As many decisions are remembered; the one that was not asked for the longest goes first.
pub const MAX_DECISIONS: usize = 64;

/// The generations of everything that decisions depend on: of the engine, the PIB, the CIB, what was learned, and what
/// there is on this host.
pub(super) type Generations = [u64; 5];

/// Decisions by what was asked, for one state of everything they depend on.
#[derive(Clone, Debug)]
pub(super) struct Decisions<K, V> {
    /// The latest last.
    made: Vec<(K, V)>,
    /// The generations of what they depend on.
    generations: Generations,
}

impl<K, V> Default for Decisions<K, V> {
    fn default() -> Self {
        Self { made: Vec::new(), generations: Generations::default() }
    }
}

impl<K: PartialEq, V: Clone> Decisions<K, V> {
    /// What was decided when this was asked, if nothing has changed since.
    pub(super) fn recall(&mut self, asked: impl Fn(&K) -> bool, generations: Generations) -> Option<V> {
        if self.generations != generations {
            self.made.clear();
            self.generations = generations;
        }
        let place = self.made.iter().rposition(|(key, _)| asked(key))?;
        // What is asked for again and again stays.
        if let Some(later) = self.made.get_mut(place..) {
            later.rotate_left(1);
        }
        self.made.last().map(|(_, value)| value.clone())
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.made.len()
    }

    /// Remembers a decision.
    pub(super) fn remember(&mut self, key: K, value: V) {
        if self.made.len() >= MAX_DECISIONS {
            self.made.remove(0);
        }
        self.made.push((key, value));
    }
}
