//! The Policy Information Base: what is wanted of candidates, by whoever runs this host.
//!
//! A *policy* adds properties to every candidate that has what it matches, changes them, or rules the candidate out. A
//! *profile* is a policy that is applied earlier, before the CIB: it says what an application's words mean here.

mod policy;

pub use policy::{Policy, PolicyKind};

use super::neat::{Fault, Text};

/// No more policies and profiles are kept.
pub const MAX_POLICIES: usize = 1_024;

/// Policies and profiles, each kind in the order in which it is applied: a lower priority first, then by uid.
#[derive(Clone, Debug, Default)]
pub struct Pib {
    profiles: Vec<Policy>,
    policies: Vec<Policy>,
    generation: u64,
}

impl Pib {
    /// No policy.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a policy or a profile, in place of one with the same uid, which is returned.
    ///
    /// *Errors*: [`Fault::Full`] at [`MAX_POLICIES`].
    pub fn insert(&mut self, policy: Policy) -> Result<Option<Policy>, Fault> {
        let replaced = self.get(&policy.uid).is_some();
        if !replaced && self.len() >= MAX_POLICIES {
            return Err(Fault::Full { limit: MAX_POLICIES });
        }
        let earlier = self.remove(&policy.uid);
        let list = self.list(policy.kind);
        let place = list.partition_point(|known| known.rank() < policy.rank());
        list.insert(place, policy);
        self.generation += 1;
        Ok(earlier)
    }

    /// Adds a policy or a profile whose uid must be new.
    ///
    /// *Errors*: [`Fault::UidTaken`]; as [`insert`](Self::insert).
    pub fn add(&mut self, policy: Policy) -> Result<(), Fault> {
        if self.get(&policy.uid).is_some() {
            return Err(Fault::UidTaken(policy.uid.as_str().into()));
        }
        self.insert(policy).map(drop)
    }

    /// Takes out the policy or the profile of this uid.
    pub fn remove(&mut self, uid: &str) -> Option<Policy> {
        let lists = [&mut self.profiles, &mut self.policies];
        let removed = lists.into_iter().find_map(|list| {
            let place = list.iter().position(|policy| policy.uid == *uid)?;
            Some(list.remove(place))
        });
        self.generation += u64::from(removed.is_some());
        removed
    }

    /// The policy or the profile of this uid.
    pub fn get(&self, uid: &str) -> Option<&Policy> {
        self.iter().find(|policy| policy.uid == *uid)
    }

    /// The profiles and then the policies, in the order in which they are applied.
    pub fn iter(&self) -> impl Iterator<Item = &Policy> {
        self.profiles.iter().chain(&self.policies)
    }

    /// The profiles, in the order in which they are applied.
    pub fn profiles(&self) -> &[Policy] {
        &self.profiles
    }

    /// The policies, in the order in which they are applied.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// How many there are, of both kinds.
    pub fn len(&self) -> usize {
        self.profiles.len() + self.policies.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rises with every change: what was decided before may no longer hold.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether any of them speaks of one of these keys.
    pub(super) fn speaks_of(&self, keys: &[&str]) -> bool {
        let in_sets = |policy: &Policy, key: &str| {
            policy.matched.get(key).is_some()
                || policy.properties.expanded().iter().any(|set| set.get(key).is_some())
        };
        self.iter().any(|policy| keys.iter().any(|key| in_sets(policy, key)))
    }

    fn list(&mut self, kind: PolicyKind) -> &mut Vec<Policy> {
        match kind {
            PolicyKind::Profile => &mut self.profiles,
            PolicyKind::Policy => &mut self.policies,
        }
    }
}

/// A name that can stand in a path of an API, and be a file's.
pub(super) fn uid(text: &str) -> Result<Text, Fault> {
    let wrong = text.is_empty()
        || text.chars().count() > 128
        || text.starts_with('.')
        || text.trim() != text
        || text.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'));
    if wrong { Err(Fault::Uid(text.chars().take(64).collect::<String>().into())) } else { Ok(text.into()) }
}

/// A uid for what has none: a hash of what it says (FNV-1a), so that the same text has the same one everywhere.
pub(super) fn uid_of(canonical: &str) -> Text {
    let hash = canonical.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}").into()
}
