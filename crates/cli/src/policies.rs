//! Which policies a connection is under, by the command line.

use clap::Args as Arguments;
use neatflow::TransportBuilder;
use std::path::PathBuf;

#[derive(Debug, Arguments)]
#[command(next_help_heading = "Policies")]
pub(crate) struct Policies {
    /// Read the policies in this directory, too (*.policy, *.profile, *.cib, and in pib/ and cib/); may be given several
    /// times.
    ///
    /// Those of this host (/etc/neatflow) and of this user ($XDG_CONFIG_HOME/neatflow, or ~/.config/neatflow) are read
    /// in any case, unless --no-policies is given. What is refused is told by `neatflow policy check DIR`.
    #[arg(long, value_name = "DIR")]
    policy_dir: Vec<PathBuf>,

    /// Read no policies of this host and this user.
    #[arg(long)]
    no_policies: bool,

    /// Keep what connections teach in this file, for the next time.
    ///
    /// Which protocol works to whom, and how fast. Default: nothing is kept.
    #[arg(long, value_name = "FILE")]
    policy_cache: Option<PathBuf>,
}

impl Policies {
    /// A transport under these.
    pub(crate) fn on(&self, builder: TransportBuilder) -> TransportBuilder {
        let builder = if self.no_policies { builder } else { builder.standard_policies() };
        let builder = self.policy_dir.iter().fold(builder, TransportBuilder::policy_dir);
        match &self.policy_cache {
            Some(file) => builder.policy_cache(file),
            None => builder,
        }
    }
}
