//! Times, and what is told of them.

use serde_json::{Value, json};
use std::time::Duration;

pub(crate) fn micros(times: &[Duration]) -> Vec<f64> {
    times.iter().copied().map(micro).collect()
}

pub(crate) fn micro(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values.to_vec(), 50)
}

/// The nearest rank; 0 and 100 are the least and the greatest.
pub(crate) fn percentile(mut values: Vec<f64>, rank: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last * rank + 50) / 100).copied().unwrap_or(f64::NAN)
}

pub(crate) fn head() {
    println!("{:44}{:>11}{:>11}{:>11}", "", "p50", "p90", "p99");
}

/// Prints a row of times in µs, and gives it as JSON.
pub(crate) fn row(name: &str, times: &[f64]) -> Value {
    let [p50, p90, p99] = [50, 90, 99].map(|rank| percentile(times.to_vec(), rank));
    println!("{name:44}{p50:11.1}{p90:11.1}{p99:11.1}");
    json!({ "p50_us": rounded(p50), "p90_us": rounded(p90), "p99_us": rounded(p99) })
}

/// Prints the ratios of the rounds, and gives them as JSON.
pub(crate) fn ratios(name: &str, ratios: &[f64]) -> Value {
    let [low, middle, high] = [0, 50, 100].map(|rank| percentile(ratios.to_vec(), rank));
    println!("{name}, by round: {middle:.2} ({low:.2} .. {high:.2})");
    json!({ "min": rounded(low), "median": rounded(middle), "max": rounded(high) })
}

fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
