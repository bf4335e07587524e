//! `neatflow connect`.

use crate::advice::{self, Trouble};
use crate::args::Connect;
use crate::exit::Exit;
use crate::join::{Ended, Patience, join};
use crate::report::Report;
use neatflow::Error;
use std::io;

pub(crate) async fn connect(args: Connect) -> Exit {
    let report = Report::on_stderr(args.telling);
    let remote = args.reach.remote();
    let connection =
        match args.reach.preconnection(&report).and_then(|preconnection| preconnection.initiate()) {
            Ok(connection) => connection,
            Err(error) => return not_initiated(&report, &remote.to_string(), &error),
        };
    // Before anything else has run, so every event is heard.
    let events = connection.events();
    let patience = Patience::new(args.quit.after);
    let ended = join(&connection, events, patience, &report).await;
    tell(&report, &remote.to_string(), ended)
}

/// Tells why nothing was even begun.
pub(crate) fn not_initiated(report: &Report, peer: &str, error: &Error) -> Exit {
    report.trouble(&match error {
        Error::Establishment(failure) => advice::not_established(peer, failure),
        error => Trouble::new(format!("cannot connect to {peer}: {error}")),
    });
    Exit::NotEstablished
}

/// Tells how it ended, if it ended badly.
pub(crate) fn tell(report: &Report, peer: &str, ended: Ended) -> Exit {
    match ended {
        Ended::Well => return Exit::Done,
        Ended::NotEstablished(failure) => {
            report.trouble(&advice::not_established(peer, &failure));
            return Exit::NotEstablished;
        }
        Ended::Failed(failure) => report.trouble(&advice::failed(peer, &failure)),
        Ended::Unanswered(reason) => report.trouble(&advice::unanswered(peer, &reason)),
        Ended::Unsent { number, first } => {
            report.trouble(&Trouble::new(format!("{number} datagrams were not sent; the first: {first}")));
        }
        Ended::Input(error) => report.trouble(&Trouble::new(format!("cannot read standard input: {error}"))),
        // Whoever read it has seen enough (`| head`).
        Ended::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Ended::Output(error) => {
            report.trouble(&Trouble::new(format!("cannot write standard output: {error}")));
        }
    }
    Exit::Failed
}
