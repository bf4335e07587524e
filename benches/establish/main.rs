//! What establishing through neatflow costs, beside others in the same run:
//!
//! - `literal`: `initiate` to a literal loopback address, one after the other, against a bare tokio `connect`;
//! - `parallel`: the same, 50 at once, in connections each second;
//! - `names`: a dual-stack name against hyper-util's HttpConnector, whose resolver knows the answer at once as ours
//!   does: both families good, IPv6 refused, IPv6 silent.
//!
//! `cargo bench --bench establish` takes about a minute once it is built, with `-- --quick` some ten seconds;
//! `-- --only literal,names` picks. All actors run on the caller's arbiter. Whoever is compared takes turns, so that
//! ratios are of figures that share the machine's mood: they are steadier than the times. It writes the same to
//! `target/bench/establish.json`.

mod literal;
mod names;
mod parallel;
mod server;
mod stats;

use serde_json::{Map, Value};
use std::path::PathBuf;
use std::{env, fs};

type Failure = Box<dyn std::error::Error>;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// Only to see it run: `cargo test --benches`, say, which does not pass `--bench`.
    Glance,
    Quick,
    Full,
}

impl Scale {
    fn asked() -> Self {
        let said = |flag: &str| env::args().any(|argument| argument == flag);
        match (said("--bench"), said("--quick")) {
            (false, _) => Self::Glance,
            (true, true) => Self::Quick,
            (true, false) => Self::Full,
        }
    }

    /// One of these three.
    fn of<T>(self, glance: T, quick: T, full: T) -> T {
        match self {
            Self::Glance => glance,
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

fn main() -> Result<(), Failure> {
    let scale = Scale::asked();
    let only = env::args().skip_while(|argument| argument != "--only").nth(1);
    let wanted = |part: &str| only.as_ref().is_none_or(|only| only.split(',').any(|one| one == part));
    let mut all = Map::new();
    for part in ["literal", "parallel", "names"].into_iter().filter(|part| wanted(part)) {
        let told = actix::System::new().block_on(async {
            match part {
                "literal" => literal::measure(scale).await,
                "parallel" => parallel::measure(scale).await,
                _ => names::measure(scale).await,
            }
        })?;
        all.insert(part.to_owned(), told);
    }
    if scale == Scale::Glance {
        return Ok(());
    }
    // Cargo runs benches in the package's directory.
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let path = target.join("bench/establish.json");
    fs::create_dir_all(path.parent().unwrap_or(&path))?;
    fs::write(&path, format!("{}\n", Value::Object(all)))?;
    println!("written to {}", path.display());
    Ok(())
}
