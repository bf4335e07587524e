//! `neatflow policy explain`.

use super::args::Explain;
use super::{engine, engine_with_interfaces, inventory, misused, now, tell};
use crate::exit::Exit;
use neatflow::policy::neat::{Alternatives, MAX_DOCUMENT};
use neatflow::policy::{Explanation, Request};
use neatflow::properties::Role;
use neatflow::{RemoteEndpoint, TransportProperties};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

pub(super) fn explain(args: &Explain) -> Exit {
    let explained = match &args.what[..] {
        [host, port] => connection(args, host, port),
        [file] => request(args, file),
        _ => Err("say a file with a request, or a host and a port".to_owned()),
    };
    match explained {
        Err(why) => misused(why),
        Ok(explanation) if args.json => tell(&serde_json::to_string_pretty(&explanation).unwrap_or_default()),
        Ok(explanation) if explanation.candidates.is_empty() && explanation.rejected.is_empty() => {
            tell("no candidates")
        }
        Ok(explanation) => tell(&explanation.to_string()),
    }
}

/// A request in NEAT's JSON.
fn request(args: &Explain, file: &str) -> Result<Explanation, String> {
    let text = read(file).map_err(|error| format!("{file}: {error}"))?;
    let requests = Alternatives::requests_from_json(&text).map_err(|error| format!("{file}:{error}"))?;
    let stacks: Vec<_> = inventory().stacks.into_iter().map(|stack| stack.protocol).collect();
    let mut engine = engine_with_interfaces(&args.places.directories());
    engine.explain_lookup(&requests, &stacks, now()).map_err(|error| format!("{file}: {error}"))
}

/// At most as much as a request may have, and one byte more.
fn read(file: &str) -> io::Result<String> {
    let source: Box<dyn Read> = if file == "-" { Box::new(io::stdin()) } else { Box::new(File::open(file)?) };
    let mut text = String::new();
    source.take(MAX_DOCUMENT as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// A connection, as `neatflow connect` would ask for it.
fn connection(args: &Explain, host: &str, port: &str) -> Result<Explanation, String> {
    let remote: RemoteEndpoint = host.parse().map_err(|error| format!("{host}: {error}"))?;
    let port: u16 =
        port.parse().map_err(|_| format!("invalid port '{port}': it is a number from 1 to 65535"))?;
    let base = args.wishes.profile().map(TransportProperties::from).unwrap_or_default();
    let properties = Arc::new(args.wishes.on(base).map_err(|error| error.to_string())?);
    let request = Request { remotes: vec![remote.port(port)], properties, ..Request::default() };
    let mut engine = engine(&args.places.directories());
    let explained = engine.explain(&request, &inventory(), Role::Initiate, now());
    explained.map_err(|error| error.to_string())
}
