//! What is asked for on the command line.

use crate::order::{Variant, Workload};
use std::time::Duration;

const USAGE: &str = "usage: cargo bench --bench data_path -- [OPTION]..
  --quick                 everything, briefly: within a minute
  --only WORKLOAD[,..]    these workloads alone (heap and never_reads are two more)
  --modes MODE[,..]       these modes of neatflow alone; `none` for the baselines among themselves
  --baselines NAME[,..]   these baselines alone
  --rounds N              so many rounds
  --seconds S             so long for each measurement";

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) workloads: Vec<Workload>,
    pub(crate) modes: Vec<Variant>,
    pub(crate) baselines: Vec<Variant>,
    /// Every variant is measured once in each.
    pub(crate) rounds: usize,
    /// How long each measurement takes, and the one before it that does not count.
    pub(crate) time: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) heap: bool,
    pub(crate) never_reads: bool,
    /// How many connections are idle for `heap`.
    pub(crate) idle: usize,
    /// Whether figures are written to files.
    pub(crate) writes: bool,
}

impl Options {
    fn full() -> Self {
        Self {
            workloads: Workload::ALL.to_vec(),
            modes: Variant::ALL.iter().copied().filter(|variant| variant.is_ours()).collect(),
            baselines: Variant::ALL.iter().copied().filter(|variant| !variant.is_ours()).collect(),
            rounds: 7,
            time: Duration::from_millis(600),
            warm_up: Duration::from_millis(100),
            heap: true,
            never_reads: true,
            idle: 5_000,
            writes: true,
        }
    }

    fn quick() -> Self {
        let (time, warm_up) = (Duration::from_millis(200), Duration::from_millis(50));
        Self { rounds: 2, time, warm_up, ..Self::full() }
    }

    /// Whoever starts it without cargo's `--bench` (`cargo test --benches` does) only wants to see it run.
    fn glimpse() -> Self {
        let (time, warm_up) = (Duration::from_millis(10), Duration::from_millis(5));
        Self { rounds: 1, time, warm_up, idle: 100, never_reads: false, writes: false, ..Self::full() }
    }

    /// *Errors*: what is wrong with the arguments, and how it is done.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let arguments: Vec<String> = arguments.into_iter().collect();
        let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
        let mut options = match arguments.as_slice() {
            [] => Self::glimpse(),
            _ if has("--quick") => Self::quick(),
            _ => Self::full(),
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| wrong(argument, "needs a value"));
            match argument.as_str() {
                // Cargo says so.
                "--bench" | "--quick" => {}
                "--only" => options.only(value()?)?,
                "--modes" => options.modes = variants(argument, value()?, Variant::is_ours)?,
                "--baselines" => options.baselines = variants(argument, value()?, |one| !one.is_ours())?,
                "--rounds" => {
                    let rounds = value()?.parse().ok().filter(|rounds| (1..=1_000).contains(rounds));
                    options.rounds =
                        rounds.ok_or_else(|| wrong(argument, "takes a number from 1 to 1000"))?;
                }
                "--seconds" => {
                    let seconds = value()?.parse().ok().filter(|seconds| (0.001..=60.0).contains(seconds));
                    let seconds = seconds.ok_or_else(|| wrong(argument, "takes 0.001 to 60"))?;
                    options.time = Duration::from_secs_f64(seconds);
                }
                _ => return Err(wrong(argument, "is no option")),
            }
        }
        Ok(options)
    }

    fn only(&mut self, names: &str) -> Result<(), String> {
        (self.workloads, self.heap, self.never_reads) = (Vec::new(), false, false);
        for name in names.split(',') {
            match (name, Workload::ALL.iter().find(|workload| workload.name() == name)) {
                ("heap", _) => self.heap = true,
                ("never_reads", _) => self.never_reads = true,
                (_, Some(workload)) => self.workloads.push(*workload),
                (_, None) => {
                    let known: Vec<_> = Workload::ALL.iter().map(|workload| workload.name()).collect();
                    let known = known.join(" ");
                    return Err(wrong("--only", &format!("does not know {name}; {known} heap never_reads")));
                }
            }
        }
        Ok(())
    }
}

fn variants(option: &str, names: &str, fits: fn(Variant) -> bool) -> Result<Vec<Variant>, String> {
    let known = || Variant::ALL.iter().copied().filter(|variant| fits(*variant));
    if names == "none" {
        return Ok(Vec::new());
    }
    names
        .split(',')
        .map(|name| {
            known().find(|variant| variant.name() == name).ok_or_else(|| {
                let known: Vec<_> = known().map(Variant::name).collect();
                wrong(option, &format!("does not know {name}; {}", known.join(" ")))
            })
        })
        .collect()
}

fn wrong(argument: &str, what: &str) -> String {
    format!("{argument} {what}\n{USAGE}")
}
