//! `neatflow demo`.

mod cast;
mod expect;
mod mischief;
mod play;
mod restarts;
mod scenery;

use crate::args::Demo;
use crate::exit::Exit;
use crate::report::Report;
use std::time::Duration;

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(9);

pub(crate) async fn demo(args: Demo) -> Exit {
    let report = Report::on_stdout(args.json);
    mischief::keep_quiet_about_it();
    let played = tokio::time::timeout(LIMIT, play::play(&report)).await;
    let played = played.unwrap_or_else(|_| Err(format!("it took longer than {LIMIT:?}").into()));
    match played {
        Ok(()) => {
            report.verdict("demo", None);
            Exit::Done
        }
        Err(wrong) => {
            report.verdict("demo", Some(&wrong.to_string()));
            Exit::NotEstablished
        }
    }
}
