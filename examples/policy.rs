//! Policies: one program, which names no protocol, under two policy files gets two transports. Whoever runs a host
//! decides, without the program being changed. On loopback by itself.

use neatflow::prelude::*;
use neatflow::{Error, Listener};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

const STREAMS: &str = r#"{
  "description": "reliable streams are preferred on this host",
  "match": {"transport": {"value": "TCP"}},
  "properties": {"transport": {"value": "TCP", "score": 50}}
}"#;

const DATAGRAMS: &str = r#"{
  "description": "datagrams are preferred on this host",
  "match": {"transport": {"value": "UDP"}},
  "properties": {"transport": {"value": "UDP", "score": 50}}
}"#;

/// The program.
async fn program(policies: &Path, server: SocketAddr) -> Result<(), Error> {
    let transport = Transport::builder().policy_dir(policies).start();
    let connection = Preconnection::new(&transport).remote(server).properties(whatever()).initiate()?;
    match connection.ready().await {
        Ok(()) => println!("  ready over {}", connection.stack()),
        Err(failure) => println!("  {failure}"),
    }
    connection.abort();
    Ok(())
}

/// It can do with everything.
fn whatever() -> TransportProperties {
    let mut properties = TransportProperties::new()
        .no_preference(Reliability)
        .no_preference(PreserveOrder)
        .no_preference(CongestionControl);
    properties.message.safely_replayable = Some(true);
    properties
}

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (_listener, server) = server().await?;
    let place = env::temp_dir().join(format!("neatflow-policies-{}", process::id()));
    for (name, policy) in [("streams.policy", STREAMS), ("datagrams.policy", DATAGRAMS)] {
        let directory: PathBuf = place.join(name.trim_end_matches(".policy"));
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(name), policy)?;
        println!("under {name}:");
        program(&directory, server).await?;
    }
    fs::remove_dir_all(place)?;
    Ok(())
}

/// Somebody who takes whatever comes.
async fn server() -> Result<(Listener, SocketAddr), Error> {
    let transport = Transport::start();
    let listener = Preconnection::new(&transport).local("127.0.0.1:0").properties(whatever()).listen()?;
    let address = listener.listening().await?[0];
    Ok((listener, address))
}
