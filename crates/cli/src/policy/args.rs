//! What may be said of policies on the command line.

use crate::policies::directory;
use crate::wishes::Wishes;
use clap::{Args as Arguments, Subcommand, ValueEnum};
use neatflow::policy_manager::files::{policy_dir, standard_places};
use std::path::PathBuf;

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  neatflow policy explain request.json                 a request in NEAT's JSON; - is standard input
  echo '{\"transport\": {\"value\": \"reliable\"}}' | neatflow policy explain -
  neatflow policy explain example.org 443 --prefer multistreaming
  neatflow policy explain ::1 7000 --require interface:lo --json | jq '.candidates[].score'
";

/// See and check policies: which candidates there are, and who is to thank for each.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    Explain(Explain),
    Check(Check),
    Rows(Rows),
    Export(Export),
    Schema(Schema),
}

/// Explain a decision: every candidate with its score, and step by step which profile, path, protocol, row or policy
/// added, changed or took out what; and everything that was ruled out, by whom and why.
///
/// With a file, it is a request in NEAT's JSON, looked up as its Policy Manager would. With a host and a port, it is a
/// connection, and what is explained is what comes before names are resolved. Nothing is sent to anybody.
#[derive(Debug, Arguments)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub(crate) struct Explain {
    /// A file with a request in NEAT's JSON (- for standard input), or a host and a port.
    #[arg(value_name = "REQUEST.json | HOST PORT", num_args = 1..=2, required = true)]
    pub(crate) what: Vec<String>,

    #[command(flatten)]
    pub(crate) wishes: Wishes,

    #[command(flatten)]
    pub(crate) places: Places,

    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Check policies, profiles and nodes: every fault with file, line and reason. Exits with 1 if there is one.
#[derive(Debug, Arguments)]
#[command(
    after_help = "Examples:\n  neatflow policy check /etc/neatflow\n  neatflow policy check my.policy\n"
)]
pub(crate) struct Check {
    /// Files, or directories: their own files, and those in pib and cib in them.
    #[arg(required = true, value_name = "DIR")]
    pub(crate) what: Vec<PathBuf>,
}

/// Print the rows that nodes and the interfaces of this host make.
#[derive(Debug, Arguments)]
pub(crate) struct Rows {
    #[command(flatten)]
    pub(crate) places: Places,

    /// Print JSON: an array with the nodes and properties of each.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print all policies, profiles and nodes that are in force, those that are built in among them, in NEAT's JSON; or
/// write each to a file of its own.
#[derive(Debug, Arguments)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) places: Places,

    /// Write a file for each into this directory, which must not be there or be empty.
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<PathBuf>,
}

/// Print the JSON Schema of a file format.
#[derive(Debug, Arguments)]
pub(crate) struct Schema {
    /// Which format.
    pub(crate) format: Format,
}

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Of *.policy and *.profile.
    Policy,
    /// Of *.cib.
    Cib,
}

/// Where policies are.
#[derive(Clone, Debug, Default, Arguments)]
#[command(next_help_heading = "Where policies are")]
pub(crate) struct Places {
    /// Read *.policy, *.profile and *.cib there, and in pib and cib in it; may be given several times.
    #[arg(long, value_name = "DIR", value_parser = directory)]
    policy_dir: Vec<PathBuf>,

    /// As NEAT's daemon has it: a directory of policies and profiles; may be given several times.
    #[arg(long, value_name = "DIR", value_parser = directory)]
    pib: Vec<PathBuf>,

    /// As NEAT's daemon has it: a directory of nodes; may be given several times.
    #[arg(long, value_name = "DIR", value_parser = directory)]
    cib: Vec<PathBuf>,

    /// Leave out those of this host and this user: /etc/neatflow and ~/.config/neatflow.
    #[arg(long)]
    no_policies: bool,
}

impl Places {
    /// The directories, those of the host first.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let standard = if self.no_policies { Vec::new() } else { standard_places() };
        let places = standard.iter().chain(&self.policy_dir).flat_map(policy_dir);
        places.chain(self.pib.iter().cloned()).chain(self.cib.iter().cloned()).collect()
    }
}
