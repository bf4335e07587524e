//! Alternatives between sets of properties, and their product.

use super::{Fault, Properties};
use std::sync::Arc;

/// A product of alternatives has at most this many sets; one with more is refused where it is read.
pub const MAX_EXPANSION: usize = 1_024;

/// NEAT's array of arrays of properties: of each group one set is chosen, in every combination.
///
/// It is expanded once, when it is made: `[[{a}], [{b, c}, {d, e}]]` is `{a, b, c}` and `{a, d, e}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternatives {
    /// As they were written, if there is more than one: a single group is its own product.
    groups: Option<Arc<[Vec<Properties>]>>,
    expanded: Arc<[Properties]>,
}

impl Default for Alternatives {
    fn default() -> Self {
        Properties::new().into()
    }
}

impl From<Properties> for Alternatives {
    fn from(only: Properties) -> Self {
        Self { groups: None, expanded: Arc::new([only]) }
    }
}

impl Alternatives {
    /// The product of these groups, the last one varying fastest. A key that occurs in two groups is updated by the
    /// later one.
    ///
    /// *Errors*: more than [`MAX_EXPANSION`] sets; a group without a set; every combination contradicts itself. A
    /// single combination that does is left out.
    pub fn new(groups: Vec<Vec<Properties>>) -> Result<Self, Fault> {
        let count = groups.iter().try_fold(1_usize, |product, group| product.checked_mul(group.len()));
        match count {
            Some(0) => return Err(Fault::NoAlternative),
            Some(count) if count <= MAX_EXPANSION => {}
            _ => return Err(Fault::Explosion { limit: MAX_EXPANSION }),
        }
        let mut expanded = vec![Properties::new()];
        let mut contradiction = None;
        for group in &groups {
            let mut longer = Vec::with_capacity(expanded.len() * group.len());
            for begun in &expanded {
                for set in group {
                    match begun.update(set) {
                        // Nothing has been looked up yet.
                        Ok(mut both) => {
                            both.unevaluate();
                            longer.push(both);
                        }
                        Err(conflicts) => contradiction = conflicts.into_iter().next(),
                    }
                }
            }
            expanded = longer;
        }
        match contradiction {
            Some(conflict) if expanded.is_empty() => Err(Fault::Contradiction(conflict.to_string().into())),
            _ => {
                expanded.iter_mut().for_each(Properties::shrink);
                let groups = (groups.len() > 1).then(|| groups.into());
                Ok(Self { groups, expanded: expanded.into() })
            }
        }
    }

    /// The groups, as they were written.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &[Properties]> {
        let single = std::slice::from_ref(&self.expanded).iter().map(|group| &group[..]);
        let several = self.groups.iter().flat_map(|groups| groups.iter().map(Vec::as_slice));
        let groups: Vec<&[Properties]> =
            if self.groups.is_some() { several.collect() } else { single.collect() };
        groups.into_iter()
    }

    /// Every combination.
    pub fn expanded(&self) -> &[Properties] {
        &self.expanded
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        matches!(&self.expanded[..], [only] if only.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::neat::Property;

    fn set(keys: &[&str]) -> Properties {
        keys.iter().fold(Properties::new(), |set, key| set.with(*key, Property::default()))
    }

    fn keys(alternatives: &Alternatives) -> Vec<String> {
        let keys =
            |set: &Properties| set.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>().join(" ");
        alternatives.expanded().iter().map(keys).collect()
    }

    #[test]
    fn one_of_each_group_in_every_combination() {
        let example = vec![vec![set(&["a"])], vec![set(&["p1", "p2"]), set(&["p3", "p4"])]];
        assert_eq!(keys(&Alternatives::new(example).unwrap()), ["a p1 p2", "a p3 p4"]);
        assert_eq!(keys(&Alternatives::default()), [""]);
    }

    #[test]
    fn a_product_that_explodes_is_refused_before_it_is_made() {
        let group = || (0..10).map(|n| set(&[&format!("k{n}")])).collect::<Vec<_>>();
        assert!(Alternatives::new(vec![group(), group(), group()]).is_ok());
        let exploding = vec![group(), group(), group(), group()];
        assert_eq!(Alternatives::new(exploding), Err(Fault::Explosion { limit: MAX_EXPANSION }));
        let huge = vec![group(); 64];
        assert_eq!(Alternatives::new(huge), Err(Fault::Explosion { limit: MAX_EXPANSION }));
        assert_eq!(Alternatives::new(vec![Vec::new()]), Err(Fault::NoAlternative));
    }

    #[test]
    fn a_combination_that_contradicts_itself_is_none() {
        let of = |value: &str| Properties::new().with("t", Property::immutable(value));
        let some = Alternatives::new(vec![vec![of("x"), of("y")], vec![of("x")]]).unwrap();
        assert_eq!(some.expanded().len(), 1);
        let none = Alternatives::new(vec![vec![of("x")], vec![of("y")]]);
        assert!(matches!(none, Err(Fault::Contradiction(_))), "{none:?}");
    }
}
