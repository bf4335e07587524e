//! Who is who among the candidates of one race.

use crate::candidate::{CandidateId, Protocol};
use crate::room::make_room;
use std::net::SocketAddr;
use std::sync::Arc;

/// A race has at most this many candidates. Default and only value: whoever needs more has a name server against
/// them (RFC 9623 §12.2).
pub const MAX_CANDIDATES: usize = 64;

/// A race has at most this many candidates of one address family: answers of one family that come first leave room
/// for the other.
pub const MAX_CANDIDATES_PER_FAMILY: usize = 48;

/// Gives the candidates of one race their ids: the same candidate has the same one in every call, and a new one has
/// the next. It admits [`MAX_CANDIDATES`]; the later ones are left out.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// A race has few, and there are many races.
    members: Vec<(Key, Member)>,
}

/// What makes a candidate the same one: what goes over the wire, not where its address came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) remote: SocketAddr,
    pub(super) transport: Protocol,
    pub(super) interface: Option<Arc<str>>,
    pub(super) local: Option<SocketAddr>,
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: CandidateId,
    /// The name its address first came from. Another name for the same address comes too late: the candidate may be
    /// running already.
    pub(super) host: Option<Arc<str>>,
}

impl Roster {
    /// An empty roster, for a new race.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many candidates it has seen.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it has seen none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn known(&self, key: &Key) -> Option<&Member> {
        self.members.iter().find(|(known, _)| known == key).map(|(_, member)| member)
    }

    /// The member of this key, new if need be; `None` when there is no room.
    pub(super) fn admit(&mut self, key: Key, host: Option<&Arc<str>>) -> Option<Member> {
        if let Some(member) = self.known(&key) {
            return Some(member.clone());
        }
        let family = |(member, _): &&(Key, Member)| member.remote.is_ipv4() == key.remote.is_ipv4();
        if self.members.len() >= MAX_CANDIDATES
            || self.members.iter().filter(family).count() >= MAX_CANDIDATES_PER_FAMILY
        {
            return None;
        }
        let id = CandidateId(u32::try_from(self.members.len()).ok()?);
        let member = Member { id, host: host.cloned() };
        make_room(&mut self.members);
        self.members.push((key, member.clone()));
        Some(member)
    }
}
