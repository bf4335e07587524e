//! The outbox against a model of it that is too simple to be wrong: a sorted list of messages, and how far the
//! transport has come in the first of them.

mod model;
mod pair;
mod step;

use pair::Pair;
use quickcheck::QuickCheck;
use step::{Step, Usual};

fn one_fate_each(high_water: usize, usual: Usual, steps: &[Step]) {
    let mut pair = Pair::new(high_water, usual);
    for step in steps {
        pair.step(step);
    }
    pair.end();
}

/// With a low mark: refusals, and every way in which few messages can meet.
fn few_messages(high_water: u8, usual: Usual, steps: Vec<Step>) {
    one_fate_each(usize::from(high_water % 64), usual, &steps);
}

/// With a high one: several runs, and buffers that go round.
fn many_messages(usual: Usual, steps: Vec<Step>) {
    let goes_on = |step: &&Step| !matches!(step, Step::Seal | Step::RefuseAll);
    one_fate_each(200_000, usual, &steps.iter().filter(goes_on).cloned().collect::<Vec<_>>());
}

#[test]
fn an_outbox_behaves_like_a_list_of_messages() {
    QuickCheck::new().tests(5_000).quickcheck(few_messages as fn(u8, Usual, Vec<Step>));
}

#[test]
fn so_it_does_when_it_holds_many() {
    QuickCheck::new().tests(300).quickcheck(many_messages as fn(Usual, Vec<Step>));
}
