//! How the command ends.

use std::process::ExitCode;

/// How the command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is done.
    Done,
    /// No connection was established, or nothing could be listened on; the demo went other than expected.
    NotEstablished,
    /// What was looked at is not as it should be, or cannot be looked at.
    Wrong,
    /// It was called wrongly, as clap has it, too.
    Misused,
    /// An established connection failed, or standard input or output did.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::NotEstablished | Exit::Wrong => 1,
            Exit::Misused => 2,
            Exit::Failed => 3,
        })
    }
}
