//! Which policies a connection is under, by the command line.

use crate::log;
use crate::report::Report;
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
    /// in any case, unless --no-policies is given. A file that is refused is told on standard error, and the others are in
    /// force; `neatflow policy check DIR` tells it beforehand.
    #[arg(long, value_name = "DIR", value_parser = directory)]
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
    /// A transport under these. What it warns of is told, a policy that is refused above all: whoever relies on one must
    /// know that it is not in force.
    pub(crate) fn on(&self, builder: TransportBuilder, report: &Report) -> TransportBuilder {
        let builder = builder.logger(log::warnings(report.is_json()));
        let builder = if self.no_policies { builder } else { builder.standard_policies() };
        let builder = self.policy_dir.iter().fold(builder, TransportBuilder::policy_dir);
        match &self.policy_cache {
            Some(file) => builder.policy_cache(file),
            None => builder,
        }
    }
}

/// A directory of policies that somebody has named: it has to be there.
pub(crate) fn directory(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match std::fs::metadata(&path) {
        Ok(about) if about.is_dir() => Ok(path),
        Ok(_) => Err("it is no directory".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
