//! What is asked for on the command line.

use crate::measure::Scene;
use crate::order::{Variant, Workload};
use std::time::Duration;

const USAGE: &str = "usage: cargo bench --bench data_path -- [OPTION]..
  --quick                 everything, briefly: within a minute
  --only WORKLOAD[,..]    these workloads alone, or `none` (heap and never_reads are two more)
  --idle                  .. and conns_64 beside 1 to 10,000 idle connections
  --threads               .. and conns_512 served by two threads
  --modes MODE[,..]       these modes of neatflow alone; `none` for the baselines among themselves
  --baselines NAME[,..]   these baselines alone
  --rounds N              so many rounds
  --seconds S             so long for each measurement";

/// How many connections are idle beside others, where that is what is measured.
const IDLE: [usize; 5] = [1, 10, 100, 1_000, 10_000];

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) scenes: Vec<Scene>,
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
            scenes: Workload::ALL.iter().copied().map(Scene::of).collect(),
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
        let mut more = Vec::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| wrong(argument, "needs a value"));
            match argument.as_str() {
                // Cargo says so.
                "--bench" | "--quick" => {}
                "--idle" => more.extend(IDLE.map(|idle| Scene::beside(idle, Workload::Conns64))),
                "--threads" => more.push(Scene::on(2, Workload::Conns512)),
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
        options.scenes.append(&mut more);
        Ok(options)
    }

    fn only(&mut self, names: &str) -> Result<(), String> {
        (self.scenes, self.heap, self.never_reads) = (Vec::new(), false, false);
        for name in names.split(',').filter(|name| *name != "none") {
            match (name, Workload::ALL.iter().find(|workload| workload.name() == name)) {
                ("heap", _) => self.heap = true,
                ("never_reads", _) => self.never_reads = true,
                (_, Some(workload)) => self.scenes.push(Scene::of(*workload)),
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
