//! Which candidates there are, and in which order: NEAT's policy manager, as values and one engine.
//!
//! [`Engine`] decides. Its first call, [`branches`](Engine::branches), comes before names are resolved: which paths and
//! protocols are eligible. Its second, [`candidates`](Engine::candidates), comes once there are addresses: what will be
//! tried, in order. [`listen_plan`](Engine::listen_plan) is the same for a listener, and
//! [`lookup`](Engine::lookup) is NEAT's own, in its own language ([`neat`]). All of them hold what is asked for against
//! what is known (the [`Inventory`], the [`cib`], what was [`learned`]) and what is wanted by others (the [`pib`]), by
//! the same rules. Paths come before protocols and protocols before addresses (RFC 9622 §6.2, RFC 9623 §4.1.2); equal
//! input gives equal output.

mod annotate;
pub mod built_in;
pub mod cib;
pub mod daemon;
mod engine;
mod files;
mod fit;
mod host;
mod inventory;
pub mod learned;
mod listen;
pub mod neat;
mod paths;
pub mod pib;
mod places;
mod protocols;
mod refusal;
pub mod remote;
mod request;
mod roster;
mod rows;
pub mod schema;
mod select;
pub mod wishes;

pub use cib::{Cib, CibNode};
pub use engine::{
    Change, Engine, Explained, Explanation, Limits, LookupError, MAX_COMPARISONS, MAX_DECISIONS, MAX_DRAFTS,
    MAX_REJECTIONS, Rejection, Source, Step,
};
pub use files::{FileKind, Loaded, load, load_dated, load_file};
pub use host::{HostNetwork, NetworkChange};
pub use inventory::{InterfaceRow, Inventory, Route, StackRow};
pub use learned::{Learned, Observation, Outcome};
pub use listen::{ListenSpec, MAX_LISTEN_SPECS, listen_plan};
pub use paths::Path;
pub use pib::{Pib, Policy, PolicyKind};
pub use request::{Application, Known, Request, Resolved};
pub use roster::{MAX_CANDIDATES, MAX_CANDIDATES_PER_FAMILY, Roster};
pub use rows::not_offered;
pub use select::{
    Branch, First, MAX_ADDRESSES_PER_FAMILY, MAX_BRANCHES, branches, candidates, explain, is_call_2,
};
