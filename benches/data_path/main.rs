//! neatflow's data path beside the same server written by hand: throughput and processor time for each operation, as
//! ratios to hand-batched tokio, to tokio-util's codecs and to textbook actix.
//!
//! `cargo bench --bench data_path` takes some minutes once it is built, with `-- --quick` less than one; an argument that
//! it does not know makes it say which it does. Server and client are processes of their own, each bound to a core. The
//! client is the same for every server, and checks that everything comes once and in its place. In each round every
//! variant is measured once, in an order that is turned around in the next; a ratio is of two figures of one round,
//! which share the machine's mood. Where the server is not busy all the time the rate is the client's as much as its
//! own: then processor time tells more.
//!
//! Writes `target/bench/data_path.json` (ratios) and `target/bench/data_path_more.json` (amounts).

mod baselines;
mod child;
mod heap;
mod load;
mod measure;
mod options;
mod order;
mod ours;
mod server;
mod sys;
mod table;
mod wire;

use measure::Cores;
use options::Options;
use std::process::ExitCode;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    if let Some(done) = child::obey() {
        return outcome(done);
    }
    match Options::parse(std::env::args().skip(1)) {
        Ok(options) => outcome(run(&options)),
        Err(wrong) => {
            eprintln!("{wrong}");
            ExitCode::from(2)
        }
    }
}

fn outcome(done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("data_path: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    let cores = Cores::apart();
    println!("{}; {} rounds of {:?} each", cores.describe(), options.rounds, options.time);
    sys::open_many_files()?;

    let mut rows = Vec::new();
    if !options.scenes.is_empty() {
        table::print_head();
    }
    for scene in &options.scenes {
        rows.extend(table::compare(*scene, &measure::rounds(*scene, options, cores)?));
    }

    let mut amounts = Vec::new();
    for variant in options.baselines.iter().chain(&options.modes).copied() {
        if options.heap && variant.does(order::Workload::Conns512) {
            let bytes = measure::idle_heap(variant, options.idle, cores)?;
            amounts.push(table::amount("heap", variant, bytes, "bytes for an idle connection"));
        }
    }
    for variant in options.baselines.iter().chain(&options.modes).copied() {
        if options.never_reads && variant.does(order::Workload::Send) {
            let bytes = measure::never_read(variant, cores)? as f64;
            amounts.push(table::amount("never_reads", variant, bytes, "bytes buffered after 1 s"));
        }
    }

    if options.writes {
        rows.retain(|row| row.is_ours);
        println!("written to {}", table::write("data_path.json", &rows)?.display());
        println!("written to {}", table::write("data_path_more.json", &amounts)?.display());
    }
    Ok(())
}
