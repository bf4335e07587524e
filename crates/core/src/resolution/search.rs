//! The search list: a name that is not absolute may stand for several.

use super::records::Kinds;
use crate::failure::ResolutionFailure;
use crate::racing::RecordKind;

/// Goes through the names that one name may stand for, until one has records.
///
/// All that is passed on comes from one name, or a connection could go to an IPv6 address of one host and an IPv4
/// address of another. So a negative answer is held back until it is known whether the search ends here; that costs
/// nobody anything, since without an address nothing could start. It ends with the first name that has records of
/// any type, at one of which nobody could say whether it has addresses, and at the last.
///
/// A name server's failure (SERVFAIL) does not end it, or one broken search domain would hide all others.
#[derive(Clone, Debug)]
pub struct Search<T> {
    kinds: Kinds,
    names_left: usize,
    /// Whether the name that is asked for now is the one.
    settled: bool,
    found: bool,
    /// Held back, of this name.
    held: Vec<(RecordKind, ResolutionFailure)>,
    answered: Kinds,
    /// The most telling failure of the names before, by type.
    before: Vec<(RecordKind, ResolutionFailure)>,
    passed: Vec<(RecordKind, Result<T, ResolutionFailure>)>,
}

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed<T> {
    /// What goes to the asker now, in this order.
    pub answers: Vec<(RecordKind, Result<T, ResolutionFailure>)>,
    /// Whether the next name is to be asked for, all types again.
    pub next: bool,
}

impl<T> Search<T> {
    /// A search for these types through so many names, at least one. The first is to be asked for.
    pub fn new(kinds: Kinds, names: usize) -> Self {
        Self {
            kinds,
            names_left: names.saturating_sub(1),
            settled: names <= 1,
            found: false,
            held: Vec::new(),
            answered: Kinds::NONE,
            before: Vec::new(),
            passed: Vec::new(),
        }
    }

    /// Takes the answer of the name that is asked for now. Only the first answer of each type counts.
    pub fn answer(&mut self, kind: RecordKind, result: Result<T, ResolutionFailure>) -> Passed<T> {
        if self.kinds.contains(kind) && !self.answered.contains(kind) {
            self.answered = self.answered.with(kind);
            match result {
                Ok(records) => {
                    self.settled = true;
                    self.found = true;
                    self.let_go();
                    self.passed.push((kind, Ok(records)));
                }
                Err(failure) => {
                    // Whether there are services says nothing of the name: many a server fails over the type.
                    self.settled |= kind != RecordKind::Https && !is_verdict(&failure);
                    self.held.push((kind, failure));
                }
            }
        }
        let next = self.answered == self.kinds && !self.settled;
        if next {
            self.go_on();
        } else if self.settled {
            self.let_go();
        }
        Passed { answers: std::mem::take(&mut self.passed), next }
    }

    /// Which types of the name that is asked for now have no answer yet.
    pub fn open(&self) -> Kinds {
        self.kinds.iter().filter(|&kind| !self.answered.contains(kind)).collect()
    }

    /// Passes on what was held back.
    fn let_go(&mut self) {
        for (kind, failure) in std::mem::take(&mut self.held) {
            let failure = if self.found { failure } else { self.with_before(kind, failure) };
            self.passed.push((kind, Err(failure)));
        }
    }

    fn go_on(&mut self) {
        for (kind, failure) in std::mem::take(&mut self.held) {
            let failure = self.with_before(kind, failure);
            self.before.retain(|(known, _)| *known != kind);
            self.before.push((kind, failure));
        }
        self.answered = Kinds::NONE;
        self.names_left = self.names_left.saturating_sub(1);
        self.settled = self.names_left == 0;
    }

    /// The failure that leaves more hope: this one, or one of the names before.
    fn with_before(&self, kind: RecordKind, failure: ResolutionFailure) -> ResolutionFailure {
        match self.before.iter().find(|(known, _)| *known == kind) {
            Some((_, before)) if hope(before) > hope(&failure) => before.clone(),
            _ => failure,
        }
    }
}

/// Whether somebody has said that this name has nothing, or failed over it alone.
fn is_verdict(failure: &ResolutionFailure) -> bool {
    !matches!(failure, ResolutionFailure::TimedOut { .. } | ResolutionFailure::Other { .. })
}

fn hope(failure: &ResolutionFailure) -> u8 {
    match failure {
        ResolutionFailure::NoSuchName { .. } => 0,
        ResolutionFailure::NoAddresses { .. } | ResolutionFailure::NoServices { .. } => 1,
        ResolutionFailure::ServerFailure { .. } => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RecordKind::{A, Aaaa, Https};
    use std::time::Duration;

    fn none() -> ResolutionFailure {
        ResolutionFailure::NoSuchName { name: "x".into() }
    }

    fn no_data() -> ResolutionFailure {
        ResolutionFailure::NoAddresses { name: "x".into() }
    }

    fn broken() -> ResolutionFailure {
        ResolutionFailure::ServerFailure { name: "x".into(), code: "SERVFAIL".into() }
    }

    fn late() -> ResolutionFailure {
        ResolutionFailure::TimedOut { name: "x".into(), after: Duration::ZERO }
    }

    fn passed(answers: Vec<(RecordKind, Result<u8, ResolutionFailure>)>) -> Passed<u8> {
        Passed { answers, next: false }
    }

    fn nothing_yet() -> Passed<u8> {
        passed(Vec::new())
    }

    #[test]
    fn with_one_name_every_answer_passes_at_once() {
        let mut search = Search::new(Kinds::ALL, 1);
        assert_eq!(search.answer(A, Ok(1)), passed(vec![(A, Ok(1))]));
        assert_eq!(search.answer(Https, Err(none())), passed(vec![(Https, Err(none()))]));
        assert_eq!(search.open(), Kinds::AAAA);
        assert_eq!(search.answer(A, Ok(2)), nothing_yet(), "it has said that");
        assert_eq!(search.answer(Aaaa, Err(late())), passed(vec![(Aaaa, Err(late()))]));
    }

    #[test]
    fn a_negative_answer_waits_until_the_name_is_settled() {
        let mut search = Search::new(Kinds::ALL, 2);
        assert_eq!(search.answer(Https, Err(none())), nothing_yet());
        assert_eq!(search.answer(Aaaa, Err(no_data())), nothing_yet());
        let all = vec![(Https, Err(none())), (Aaaa, Err(no_data())), (A, Ok(1))];
        assert_eq!(search.answer(A, Ok(1)), passed(all));
    }

    #[test]
    fn a_name_without_records_is_passed_over_and_the_most_telling_failure_is_told() {
        let mut search = Search::new(Kinds::ADDRESSES, 2);
        assert_eq!(search.answer(Aaaa, Err(broken())), nothing_yet());
        assert_eq!(search.answer(A, Err(none())), Passed { answers: Vec::new(), next: true });
        assert_eq!(search.answer(A, Err(none())), passed(vec![(A, Err(none()))]));
        assert_eq!(search.answer(Aaaa, Err(none())), passed(vec![(Aaaa, Err(broken()))]));
    }

    #[test]
    fn services_alone_settle_a_name_and_their_failure_does_not() {
        let mut search = Search::new(Kinds::ALL, 2);
        assert_eq!(search.answer(Https, Ok(1)), passed(vec![(Https, Ok(1))]));
        assert_eq!(search.answer(A, Err(none())), passed(vec![(A, Err(none()))]));
        let mut search = Search::<u8>::new(Kinds::ALL, 2);
        assert_eq!(search.answer(Https, Err(late())), nothing_yet());
        assert_eq!(search.answer(A, Err(none())), nothing_yet());
        assert!(search.answer(Aaaa, Err(none())).next);
    }

    #[test]
    fn where_nobody_answers_the_search_ends() {
        let mut search = Search::<u8>::new(Kinds::ADDRESSES, 2);
        assert_eq!(search.answer(Aaaa, Err(none())), nothing_yet());
        assert_eq!(search.answer(A, Err(late())), passed(vec![(Aaaa, Err(none())), (A, Err(late()))]));
    }
}
