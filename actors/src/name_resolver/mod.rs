//! Turns names into addresses.
//!
//! A question is answered by the first of these that knows the name:
//!
//! 1. the name itself, when it is a literal address, or one under `localhost` (RFC 6761 §6.3);
//! 2. the hosts file;
//! 3. name servers: HTTPS, AAAA and A are asked back to back, as far as they are wanted, and each answer is passed on
//!    as it comes (RFC 8305 §3, draft-ietf-happy-happyeyeballs-v3 §4.1).
//!
//! The first costs neither a wait nor a place in the queue. Whatever happens, a question ends within
//! [`Config::timeout`], with exactly one [`Answered`] for each type that was asked for, the final one `last`.
//!
//! What name servers have said is kept for its time to live, and nobody asks what somebody is asking already. A lookup
//! that nobody waits for any more goes on for a second, for whoever asks next (RFC 8305 §5).
//!
//! [`NameResolver`] decides where a question goes, `names` reads host names, `lookup` follows one question, `hosts`
//! and `servers` are the sources, `store` keeps what is known and shares what is asked, `pool` asks one server after
//! the other, `upstream` is one of them, `runtime` opens the sockets to it, `records` reads what it says, `watched`
//! sees files change, `failure` names what went wrong. What needs no network is decided in
//! [`neatflow_core::resolution`].

mod actor;
mod config;
mod failure;
mod gather;
mod hosts;
mod lookup;
mod names;
mod pool;
mod records;
mod runtime;
mod servers;
mod services;
mod store;
mod upstream;
mod watched;

pub mod messages;

pub use actor::NameResolver;
pub use config::{Config, NameServer, Roots, Via};
pub(crate) use gather::{settle, settle_remotes};
pub use messages::{Answered, DnsProtocol, FindPref64, FindProviders, Origin, QueryId, Resolve};
