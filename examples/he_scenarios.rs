//! Runs Happy Eyeballs scenario files (schema `he-scenario/1`) and says which scenarios pass:
//! `cargo run --release --example he_scenarios -- [--layer core|actors] [--json] FILE...`
//!
//! One line for each, the last line counts. Exits with 1 if one has failed, with 2 if something cannot be run.

use neatflow_testing::scenarios::{self, Outcome, Scenario};
use serde_json::json;
use std::io::{self, Write};
use std::process::ExitCode;

const USAGE: &str = "usage: he_scenarios [--layer core|actors] [--json] FILE...";

/// A layer: what plays a scenario.
type Play = fn(&Scenario) -> Result<Outcome, String>;

struct Options {
    play: Play,
    json: bool,
    files: Vec<String>,
}

fn main() -> ExitCode {
    let outcome = options(std::env::args().skip(1)).and_then(|options| run(&options));
    match outcome {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(why) => {
            eprintln!("he_scenarios: {why}");
            ExitCode::from(2)
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { play: scenarios::play, json: false, files: Vec::new() };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => options.json = true,
            "--layer" => options.play = layer(&arguments.next().ok_or(USAGE)?)?,
            layered if layered.starts_with("--layer=") => {
                options.play = layer(layered.trim_start_matches("--layer="))?;
            }
            flag if flag.starts_with('-') => return Err(format!("there is no {flag}\n{USAGE}")),
            _ => options.files.push(argument),
        }
    }
    if options.files.is_empty() { Err(USAGE.to_owned()) } else { Ok(options) }
}

fn layer(name: &str) -> Result<Play, String> {
    match name {
        "core" => Ok(scenarios::play),
        "actors" => Ok(scenarios::play_actors),
        _ => Err(format!("there is no layer {name}\n{USAGE}")),
    }
}

/// Runs all files; how many scenarios have failed.
fn run(options: &Options) -> Result<usize, String> {
    // A file that cannot be read is told before anything runs.
    let mut all = Vec::new();
    for file in &options.files {
        let text = std::fs::read_to_string(file).map_err(|why| format!("{file}: {why}"))?;
        all.extend(scenarios::read(&text).map_err(|why| format!("{file}: {why}"))?);
    }
    let mut failed = 0;
    let mut out = io::stdout().lock();
    for scenario in &all {
        let (line, passed) = line(scenario, options)?;
        failed += usize::from(!passed);
        writeln!(out, "{line}").map_err(|why| why.to_string())?;
    }
    let passed = all.len() - failed;
    let total = if options.json {
        json!({ "passed": passed, "failed": failed }).to_string()
    } else {
        format!("{passed} passed, {failed} failed")
    };
    writeln!(out, "{total}").map_err(|why| why.to_string())?;
    Ok(failed)
}

/// What is said of a scenario, and whether it has passed.
fn line(scenario: &Scenario, options: &Options) -> Result<(String, bool), String> {
    let outcome = (options.play)(scenario)?;
    let difference = scenarios::judge(scenario, &outcome);
    let Scenario { id, name, .. } = scenario;
    let line = if options.json {
        json!({
            "id": id,
            "name": name,
            "ok": difference.is_none(),
            "difference": difference,
            "seen": outcome.seen,
            "timeline": outcome.timeline,
        })
        .to_string()
    } else if let Some(difference) = &difference {
        format!("FAIL {id} {name}: {difference}")
    } else {
        format!("ok {id} {name}")
    };
    Ok((line, difference.is_none()))
}
