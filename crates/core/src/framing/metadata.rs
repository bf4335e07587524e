//! What an application and a framer tell each other about a message.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

/// Values that travel with a message, at most one of each type (RFC 9622 §9.1.2.2).
///
/// The RFC keys them by framer and name. Here the type is both: a framer declares one for each thing that can be
/// said (`tlv::Type`, `http::Headers`), so names cannot collide, and a value cannot be read as something else.
///
/// A list whose tail may be shared. Empty it costs two words; a value costs one allocation, a clone none.
#[derive(Clone, Default)]
pub struct Metadata(Option<Arc<dyn Link>>);

/// What can be said of a message: any value that can be compared and cloned.
pub trait Metadatum: Any + Clone + fmt::Debug + Eq + Send + Sync {}

impl<T: Any + Clone + fmt::Debug + Eq + Send + Sync> Metadatum for T {}

impl Metadata {
    /// Says it, in place of what was said in this type before. RFC 9622 §9.1.2.2, `add`.
    pub fn add<T: Metadatum>(&mut self, value: T) {
        let next = if self.get::<T>().is_some() { self.without(TypeId::of::<T>()) } else { self.clone() };
        self.0 = Some(Arc::new(Node { value, next }));
    }

    /// What was said in this type. RFC 9622 §9.1.2.2, `get`.
    pub fn get<T: Metadatum>(&self) -> Option<&T> {
        self.links().find_map(|link| link.value().downcast_ref())
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn without(&self, removed: TypeId) -> Self {
        match &self.0 {
            Some(link) if link.value().type_id() == removed => link.next().clone(),
            Some(link) => link.before(link.next().without(removed)),
            None => Self::default(),
        }
    }

    fn links(&self) -> impl Iterator<Item = &dyn Link> {
        std::iter::successors(self.0.as_deref(), |link| link.next().0.as_deref())
    }
}

/// Two are equal if they say the same, in whatever order it was said.
impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.links().count() == other.links().count()
            && self.links().all(|ours| other.links().any(|theirs| ours.says(theirs.value())))
    }
}

impl Eq for Metadata {}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.links().map(Link::shown)).finish()
    }
}

/// A [`Node`] whose type was forgotten.
trait Link: Send + Sync {
    fn value(&self) -> &dyn Any;
    fn shown(&self) -> &dyn fmt::Debug;
    fn says(&self, value: &dyn Any) -> bool;
    fn next(&self) -> &Metadata;
    /// The same value before another tail.
    fn before(&self, next: Metadata) -> Metadata;
}

struct Node<T> {
    value: T,
    next: Metadata,
}

impl<T: Metadatum> Link for Node<T> {
    fn value(&self) -> &dyn Any {
        &self.value
    }

    fn shown(&self) -> &dyn fmt::Debug {
        &self.value
    }

    fn says(&self, value: &dyn Any) -> bool {
        value.downcast_ref() == Some(&self.value)
    }

    fn next(&self) -> &Metadata {
        &self.next
    }

    fn before(&self, next: Metadata) -> Metadata {
        Metadata(Some(Arc::new(Self { value: self.value.clone(), next })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Kind(u8);

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Header(&'static str);

    fn said(kind: u8, header: &'static str) -> Metadata {
        let mut metadata = Metadata::default();
        metadata.add(Kind(kind));
        metadata.add(Header(header));
        metadata
    }

    #[test]
    fn what_is_said_is_found_by_its_type() {
        let metadata = said(7, "accept");
        assert_eq!(metadata.get(), Some(&Kind(7)));
        assert_eq!(metadata.get(), Some(&Header("accept")));
        assert_eq!(metadata.get::<u64>(), None);
        assert_eq!(format!("{metadata:?}"), r#"{Header("accept"), Kind(7)}"#);
    }

    #[test]
    fn saying_it_again_replaces_it_here_and_not_in_a_clone() {
        let before = said(1, "a");
        let mut after = before.clone();
        after.add(Kind(2));
        assert_eq!((after.get(), before.get()), (Some(&Kind(2)), Some(&Kind(1))));
        assert_eq!(after.get(), Some(&Header("a")));
        assert_eq!(after.links().count(), 2);
    }

    #[test]
    fn the_order_of_saying_makes_no_difference() {
        let mut other = Metadata::default();
        other.add(Header("a"));
        assert_ne!(said(1, "a"), other);
        other.add(Kind(1));
        assert_eq!(said(1, "a"), other);
        assert_ne!(said(2, "a"), other);
    }

    #[test]
    fn empty_it_is_two_words_long() {
        assert_eq!(size_of::<Metadata>(), 2 * size_of::<usize>());
        assert!(Metadata::default().is_empty() && !said(1, "a").is_empty());
    }
}
