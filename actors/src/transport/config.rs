//! How a transport is set up.

use crate::name_resolver::{self, Resolve};
use crate::network_monitor;
use crate::policy_manager::{self, Calls, Interfaces};
use crate::registry::Registry;
use crate::supervision::Intensity;
use actix::prelude::*;
use neatflow_core::racing;
use slog::Logger;
use std::time::Duration;

/// How a transport is set up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The protocol stacks. Default: those this build has.
    pub registry: Registry,
    /// How names are resolved. Default: as the system does.
    pub resolver: name_resolver::Config,
    /// Who resolves names, in place of the name resolver. Default: nobody. It has one second longer than
    /// `resolver.timeout`; what it has not answered by then counts as failed.
    pub other_resolver: Option<Recipient<Resolve>>,
    /// Who answers the calls of races, in place of the policy manager, which goes on to serve listeners. Default: nobody.
    pub other_policy: Option<Calls>,
    /// The policy daemon that is asked besides. Default: none. It is not asked where `other_policy` is.
    #[cfg(unix)]
    pub remote_policy: Option<crate::remote_policy::Config>,
    /// Whether what another resolver says cannot be forged on the way, so that races may rely on it
    /// (draft-ietf-happy-happyeyeballs-v3 §6.3). Default: no. Of the name resolver its servers tell
    /// ([`is_secure`](name_resolver::Config::is_secure)).
    pub secure_dns: bool,
    /// Where interfaces are looked up. Default: the system.
    pub interfaces: Interfaces,
    /// Who tells of the networks this host is on. Default: the system.
    pub network: network_monitor::Source,
    /// What its policy manager reads and keeps. Default: nothing.
    pub policy: policy_manager::Config,
    /// How candidates are raced. Default: RFC 8305.
    pub racing: racing::Config,
    /// How often the attempt of a candidate is restarted after a panic. Default: 3 times in 10 s, after 10 ms
    /// and more.
    pub candidate_restarts: Intensity,
    /// How many arbiters the transport has besides its own, each with a thread; at most
    /// [`MOST_ARBITERS`](crate::placement::MOST_ARBITERS). Default: none.
    pub arbiters: usize,
    /// How long its arbiters [stay awake](crate::placement::spin) after data. Default: not at all.
    pub spinning: Option<Duration>,
    /// Where it logs; each actor's logger is a child of its parent's.
    pub logger: Logger,
}

impl Config {
    /// The defaults, with this logger.
    pub fn new(logger: Logger) -> Self {
        Self {
            registry: Registry::built_in(),
            resolver: name_resolver::Config::default(),
            other_resolver: None,
            other_policy: None,
            #[cfg(unix)]
            remote_policy: None,
            secure_dns: false,
            interfaces: Interfaces::system(),
            network: network_monitor::Source::system(),
            policy: policy_manager::Config::default(),
            racing: racing::Config::default(),
            candidate_restarts: Intensity {
                restarts: 3,
                within: Duration::from_secs(10),
                backoff: Duration::from_millis(10),
                max_backoff: Duration::from_secs(1),
            },
            arbiters: 0,
            spinning: None,
            logger,
        }
    }
}
