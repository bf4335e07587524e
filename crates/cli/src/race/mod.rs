//! `neatflow race`.

mod course;
mod hidden;

use crate::advice;
use crate::args::Race;
use crate::connect::not_initiated;
use crate::exit::Exit;
use crate::plot;
use crate::report::{Report, millis};
use neatflow::racing::Tally;
use neatflow::{Connection, EstablishmentFailure, Preconnection, RaceRecord};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a peer may take to acknowledge the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// A race that is over.
struct Over {
    record: RaceRecord,
    failure: Option<Arc<EstablishmentFailure>>,
}

pub(crate) async fn race(args: Race) -> Exit {
    let report = Report::on_stdout(args.json);
    let peer = args.reach.remote().to_string();
    let preconnection = match args.reach.preconnection(&report) {
        Ok(preconnection) => preconnection,
        Err(error) => return not_initiated(&report, &peer, &error),
    };
    let (mut tally, mut exit) = (Tally::default(), Exit::Done);
    for number in 1..=args.count {
        let over = match run(&preconnection).await {
            Ok(over) => over,
            Err(error) => return not_initiated(&report, &peer, &error),
        };
        over.record.count_in(&mut tally, false);
        let alone = args.count == 1;
        let text = || if alone { course::text(&peer, &over) } else { vec![course::line(number, &over)] };
        report.outcome(text, || told(&peer, &over));
        if let Some(failure) = &over.failure {
            exit = Exit::NotEstablished;
            report.trouble(&advice::not_established(&peer, failure));
        }
        if let Some(path) = &args.plot {
            let picture = plot::svg(&over.record, &format!("race to {peer}"));
            if let Err(error) = std::fs::write(path, picture) {
                let what = format!("cannot write {}: {error}", path.display());
                report.trouble(&advice::Trouble::new(what));
                return Exit::Failed;
            }
        }
    }
    if args.count > 1 {
        report.outcome(|| hidden::text(&tally), || json!({ "type": "tally", "racing": tally }));
    }
    exit
}

async fn run(preconnection: &Preconnection) -> Result<Over, neatflow::Error> {
    let connection = preconnection.initiate()?;
    let failure = connection.ready().await.err();
    let record = connection.race().cloned().unwrap_or_default();
    if failure.is_none() {
        end(&connection).await;
    }
    Ok(Over { record, failure })
}

/// A peer that does not acknowledge our end is not waited for.
async fn end(connection: &Connection) {
    connection.close();
    let _ = timeout(FAREWELL, connection.closed()).await;
}

fn told(peer: &str, over: &Over) -> Value {
    json!({
        "type": "race",
        "peer": peer,
        "outcome": if over.failure.is_none() { "won" } else { "lost" },
        "error": over.failure.as_ref().map(ToString::to_string),
        "connected_ms": over.record.timeline.connected().map(|at| millis(at.since_origin())),
        "record": over.record,
    })
}
