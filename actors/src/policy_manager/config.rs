//! What a policy manager is set up with.

use std::path::PathBuf;
use std::time::Duration;

/// What a policy manager is set up with. The default reads and writes no file: a library does what its program says,
/// whatever lies around on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Directories of `*.policy`, `*.profile` and `*.cib`. Default: none.
    pub directories: Vec<PathBuf>,
    /// How often it looks whether something in them has changed. Default: every second.
    pub reload_every: Duration,
    /// The file that keeps what was learned from one run to the next. Default: none, and nothing is kept.
    pub cache: Option<PathBuf>,
    /// How long what was learned may wait before it is written; it is written at the end besides. Default: a second.
    pub save_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self { directories: Vec::new(), reload_every: second, cache: None, save_after: second }
    }
}
