//! `neatflow connect`.

use crate::advice::{self, Trouble};
use crate::args::Connect;
use crate::exit::Exit;
use crate::join::{Ended, Patience, join};
use crate::report::Report;
use neatflow::properties::{Interface, Profile};
use neatflow::{
    Connection, Error, Preconnection, RemoteEndpoint, SelectionProperty, Transport, TransportProperties,
};
use std::io;

pub(crate) async fn connect(args: Connect) -> Exit {
    let report = Report::on_stderr(args.telling);
    let remote = args.host.clone().port(args.port);
    let connection = match initiate(&args, &remote) {
        Ok(connection) => connection,
        Err(Error::Establishment(failure)) => {
            report.trouble(&advice::not_established(&remote.to_string(), &failure));
            return Exit::NotEstablished;
        }
        Err(error) => {
            report.trouble(&Trouble::new(format!("cannot connect to {remote}: {error}")));
            return Exit::NotEstablished;
        }
    };
    // Before anything else has run, so every event is heard.
    let events = connection.events();
    let patience = Patience::new(args.quit.after);
    let ended = join(&connection, events, patience, &report).await;
    tell(&report, &remote.to_string(), ended)
}

fn initiate(args: &Connect, remote: &RemoteEndpoint) -> Result<Connection, Error> {
    let mut builder = Transport::builder();
    if !args.dns.is_empty() {
        builder = builder.name_servers(args.dns.iter().copied());
    }
    let transport = builder.start();
    let mut preconnection =
        Preconnection::new(&transport).remote(remote.clone()).properties(args.wishes.on(base(args))?);
    if let Some(local) = &args.local {
        preconnection = preconnection.local(local.clone());
    }
    if let Some(interface) = &args.interface {
        preconnection = preconnection.require(Interface::named(interface.as_str()));
    }
    if let Some(timeout) = args.timeout {
        preconnection = preconnection.timeout(timeout);
    }
    preconnection.initiate()
}

/// What is asked for when nothing more is said. Reports of the network come unasked; to prefer them for every profile
/// would choose a transport by them.
fn base(args: &Connect) -> TransportProperties {
    let base = args.wishes.profile().map(TransportProperties::from).unwrap_or_default();
    match args.wishes.profile() {
        Some(Profile::UnreliableDatagram) => base.prefer(SelectionProperty::SoftErrorNotify),
        _ => base,
    }
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
