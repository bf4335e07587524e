//! Figures: ratios round by round, the table, and the files.

use crate::Failure;
use crate::measure::{Scene, Series};
use crate::order::{Sample, Variant};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// One variant beside a baseline.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    workload: String,
    baseline: &'static str,
    ours_mode: &'static str,
    /// Of the rates; more is better.
    ratio_median: f64,
    ratio_min: f64,
    ratio_max: f64,
    /// Of the server's processor time for each operation; less is better.
    cpu_ratio: f64,
    #[serde(skip)]
    pub(crate) is_ours: bool,
}

pub(crate) fn print_head() {
    println!(
        "{:13}{:11}{:11}{:>7} {:16}{:>7} | {:>23} | {:>19} | {:>11} | {:>17}",
        "workload",
        "mode",
        "baseline",
        "ratio",
        "[min .. max]",
        "cpu",
        "ops/s, it and baseline",
        "ns cpu/op",
        "busy",
        "p50/p99 µs"
    );
}

/// Compares our modes with every baseline, and the other baselines with the first one.
pub(crate) fn compare(scene: Scene, series: &[Series]) -> Vec<Row> {
    let (ours, baselines): (Vec<_>, Vec<_>) = series.iter().partition(|one| one.variant.is_ours());
    let among = baselines.iter().skip(1).map(|one| (*one, baselines[0]));
    let against = ours.iter().flat_map(|one| baselines.iter().map(|baseline| (*one, *baseline)));
    against.chain(among).map(|(one, baseline)| row(scene, one, baseline)).collect()
}

fn row(scene: Scene, one: &Series, baseline: &Series) -> Row {
    let pairs = || one.samples.iter().zip(&baseline.samples);
    let ratios = || pairs().map(|(one, baseline)| one.rate() / baseline.rate());
    let row = Row {
        workload: scene.name(),
        baseline: baseline.variant.name(),
        ours_mode: one.variant.name(),
        ratio_median: median(ratios()),
        ratio_min: ratios().fold(f64::INFINITY, f64::min),
        ratio_max: ratios().fold(0.0, f64::max),
        cpu_ratio: median(pairs().map(|(one, baseline)| one.cost() / baseline.cost())),
        is_ours: one.variant.is_ours(),
    };
    println!(
        "{:13}{:11}{:11}{:7.3} {:16}{:7.2} | {:>11.0} {:>11.0} | {:>9.1} {:>9.1} | {:>5.2} {:>5.2} | {} {}{}",
        row.workload,
        row.ours_mode,
        row.baseline,
        row.ratio_median,
        format!("[{:.3} .. {:.3}]", row.ratio_min, row.ratio_max),
        row.cpu_ratio,
        of(one, Sample::rate),
        of(baseline, Sample::rate),
        of(one, Sample::cost),
        of(baseline, Sample::cost),
        of(one, Sample::busy),
        of(baseline, Sample::busy),
        latency(one),
        latency(baseline),
        lost(one),
    );
    row
}

fn of(series: &Series, figure: fn(&Sample) -> f64) -> f64 {
    median(series.samples.iter().map(figure))
}

fn latency(series: &Series) -> String {
    let trips = || series.samples.iter().filter_map(|sample| sample.latency);
    if trips().next().is_none() {
        return format!("{:>8}", "");
    }
    let micros = |nanos: u64| nanos as f64 / 1e3;
    let p50 = median(trips().map(|trip| micros(trip.p50)));
    let p99 = median(trips().map(|trip| micros(trip.p99)));
    format!("{:>8}", format!("{p50:.0}/{p99:.0}"))
}

fn lost(series: &Series) -> String {
    match series.samples.iter().map(|sample| sample.lost).sum::<u64>() {
        0 => String::new(),
        lost => format!("  {lost} lost"),
    }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => (figures[middle - 1] + figures[middle]) / 2.0,
        _ => figures[middle],
    }
}

/// A figure that is no ratio.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Amount {
    measurement: &'static str,
    variant: &'static str,
    bytes: f64,
}

/// Prints it, and notes it for the file.
pub(crate) fn amount(measurement: &'static str, variant: Variant, bytes: f64, what: &str) -> Amount {
    println!("{measurement:13}{:11}{bytes:>12.0} {what}", variant.name());
    Amount { measurement, variant: variant.name(), bytes }
}

/// Writes figures to a file among the benches' results; where it is.
pub(crate) fn write(name: &str, figures: &impl Serialize) -> Result<PathBuf, Failure> {
    let path = target().join("bench").join(name);
    fs::create_dir_all(path.parent().unwrap_or(&path))?;
    fs::write(&path, serde_json::to_string_pretty(figures)? + "\n")?;
    Ok(path)
}

/// Cargo runs benches in the package's directory.
fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new("target").into(), PathBuf::from)
}
