//! A server process: a thread serves, or several; this one answers questions.

use crate::order::{Service, Serving, Variant};
use crate::{Failure, baselines, heap, ours};
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(10);

/// Serves until the input ends. Tells the address; then, for each line that comes, how many bytes are allocated.
pub(crate) fn run(serving: Serving) -> Result<(), Failure> {
    if serving.counts {
        heap::count();
    }
    let (tell, told) = mpsc::channel();
    let server = thread::Builder::new().name(serving.variant.name().into());
    let server = server.spawn(move || serve(serving, &tell))?;
    let Ok(address) = told.recv_timeout(START) else {
        return Err(match server.is_finished().then(|| server.join()) {
            Some(Ok(Err(failure))) => failure,
            Some(_) => "the server panicked".into(),
            None => "the server does not listen".into(),
        });
    };
    println!("{address}");

    for line in io::stdin().lines() {
        line?;
        println!("{}", heap::live());
    }
    Ok(())
}

fn serve(serving: Serving, address: &Sender<SocketAddr>) -> Result<(), Failure> {
    use Service::EchoDatagrams;
    let outcome = match (serving.variant, serving.service) {
        (Variant::Raw, EchoDatagrams) => baselines::serve_datagrams(address, baselines::raw_udp::echo),
        (Variant::RawSingle, EchoDatagrams) => {
            baselines::serve_datagrams(address, baselines::raw_udp::echo_singly)
        }
        (Variant::Raw | Variant::RawSingle, _) => {
            baselines::serve(address, serving, baselines::raw::connection)
        }
        (Variant::Framed, EchoDatagrams) => {
            baselines::serve_datagrams(address, baselines::framed::echo_datagrams)
        }
        (Variant::Framed, _) => baselines::serve(address, serving, baselines::framed::connection),
        (Variant::Actix, service) => baselines::actix::serve(address, service),
        (Variant::Mailbox | Variant::Attached | Variant::FlowSet, _) => ours::serve(address, serving),
    };
    if let Err(failure) = &outcome {
        // Nobody may be left to hear of it otherwise.
        eprintln!("{} as a server: {failure}", serving.variant.name());
    }
    outcome
}
