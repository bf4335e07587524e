//! The ports of services by their names (RFC 6335), as the system's services file has them.

use super::messages::FindProviders;
use actix::Recipient;
use futures::StreamExt;
use futures::future::{Either, pending, select};
use futures::stream::FuturesUnordered;
use neatflow_core::policy::Request;
use neatflow_core::{Protocol, RemoteEndpoint, ResolutionFailure};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// So many providers of one service are tried.
const MOST_PROVIDERS: usize = 16;

/// How long those that can be used wait for services that nobody has answered for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where the system keeps them.
const FILE: &str = if cfg!(windows) { r"C:\Windows\System32\drivers\etc\services" } else { "/etc/services" };

/// The request with ports in place of services, and what became of the remote endpoints that are not in it any more.
/// Touches the file only if it has to, on a blocking thread.
///
/// A service that is named as SRV records are (`_sip._udp`, RFC 2782) is asked for there, if the endpoint has a host
/// name: in its place come the hosts that provide it, in their order, each with its port, for the protocol in the
/// name. All others are looked up in the file, without underscores and protocol.
///
/// A remote endpoint whose service nobody knows, or not soon after there is another, is left out: the others are
/// alternatives to it (RFC 9622 §6.1).
///
/// *Errors*: [`ResolutionFailure::NoSuchService`], or whatever keeps records from being read, for the first remote
/// endpoint if none is left, and for a local one.
pub(crate) async fn settle_services(
    providers: Option<&Recipient<FindProviders>>,
    request: Arc<Request>,
) -> Result<(Arc<Request>, Vec<ResolutionFailure>), ResolutionFailure> {
    let locals = request.locals.iter().filter_map(|local| local.unresolved_service());
    let remotes = request.remotes.iter().filter_map(|remote| remote.unresolved_service());
    if locals.chain(remotes).next().is_none() {
        return Ok((request, Vec::new()));
    }
    // No file, no services; so does a reading that is given up because the runtime ends.
    let read = actix_rt::task::spawn_blocking(|| std::fs::read_to_string(FILE).unwrap_or_default());
    let file = read.await.unwrap_or_default();
    let mut settled = Request::clone(&request);
    for local in &mut settled.locals {
        if let Some(service) = local.unresolved_service() {
            *local = local.clone().served_at(port(&file, service, local.protocol.as_ref())?);
        }
    }
    let (remotes, failures) = settle_each(providers, &file, &request.remotes).await;
    match failures.first() {
        Some(first) if remotes.is_empty() => Err(first.clone()),
        _ => {
            settled.remotes = remotes;
            Ok((Arc::new(settled), failures))
        }
    }
}

/// The remote endpoints with ports in place of services, in their order, and what became of the others. They are settled
/// together, and once there is one, the others have [`PATIENCE`].
async fn settle_each(
    providers: Option<&Recipient<FindProviders>>,
    file: &str,
    remotes: &[RemoteEndpoint],
) -> (Vec<RemoteEndpoint>, Vec<ResolutionFailure>) {
    let settling = |(place, remote)| async move { (place, settle_remote(providers, file, remote).await) };
    let mut open: FuturesUnordered<_> = remotes.iter().enumerate().map(settling).collect();
    let late = |remote: &RemoteEndpoint| ResolutionFailure::TimedOut {
        name: named(remote.unresolved_service(), remote.unresolved()),
        after: PATIENCE,
    };
    let mut outcomes: Vec<Result<_, _>> = remotes.iter().map(|remote| Err(late(remote))).collect();
    let mut enough = pin!(Either::Left(pending()));
    while let Either::Left((Some((place, outcome)), _)) = select(open.next(), &mut enough).await {
        if outcome.is_ok() && matches!(*enough, Either::Left(_)) {
            enough.set(Either::Right(sleep(PATIENCE)));
        }
        if let Some(known) = outcomes.get_mut(place) {
            *known = outcome;
        }
    }
    let (settled, failed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    let failures = failed.into_iter().filter_map(Result::err).collect();
    (settled.into_iter().flatten().flatten().collect(), failures)
}

/// A remote endpoint with ports in place of its service.
async fn settle_remote(
    providers: Option<&Recipient<FindProviders>>,
    file: &str,
    remote: &RemoteEndpoint,
) -> Result<Vec<RemoteEndpoint>, ResolutionFailure> {
    match (remote.unresolved_service(), remote.unresolved(), providers) {
        (None, _, _) => Ok(vec![remote.clone()]),
        (Some(service), Some(host), Some(providers)) if split(service).is_some() => {
            provided(providers, remote, service, host).await
        }
        (Some(service), _, _) => {
            let port = port(file, service, remote.protocol.as_ref())?;
            Ok(vec![remote.clone().served_at(port)])
        }
    }
}

/// Who provides the service of an endpoint.
async fn provided(
    providers: &Recipient<FindProviders>,
    remote: &RemoteEndpoint,
    service: &Arc<str>,
    host: &Arc<str>,
) -> Result<Vec<RemoteEndpoint>, ResolutionFailure> {
    let name = named(Some(service), Some(host));
    let find =
        FindProviders { service: service.clone(), host: host.clone(), interface: remote.interface.clone() };
    let found = providers.send(find).await.map_err(|gone| ResolutionFailure::Other {
        name: name.clone(),
        why: format!("name resolver: {gone}").into(),
    })??;
    if found.is_empty() {
        return Err(ResolutionFailure::NoSuchService { name });
    }
    let protocol = split(service).and_then(|(_, protocol)| carried_by(protocol));
    let endpoints = found.into_iter().take(MOST_PROVIDERS).map(|provider| {
        let mut endpoint = remote.clone().served_at(provider.port);
        // Absolute: the search list is not for it.
        endpoint.host = Some(format!("{}.", provider.target).into());
        endpoint.protocol = endpoint.protocol.or_else(|| protocol.clone());
        endpoint
    });
    Ok(endpoints.collect())
}

/// What a service of a host is called in DNS.
fn named(service: Option<&Arc<str>>, host: Option<&Arc<str>>) -> Arc<str> {
    let words: Vec<&str> = [service, host].into_iter().flatten().map(|word| &**word).collect();
    words.join(".").into()
}

/// The service and the protocol of `_service._protocol`.
fn split(service: &str) -> Option<(&str, &str)> {
    let (service, protocol) = service.strip_prefix('_')?.split_once("._")?;
    (!service.is_empty() && !protocol.is_empty() && !protocol.contains('.')).then_some((service, protocol))
}

/// What carries it, where the name of the protocol in DNS is that of one that we know: a service over TLS or under a
/// name of its own may be reached over anything.
fn carried_by(protocol: &str) -> Option<Protocol> {
    let known = ["tcp", "udp", "sctp"].into_iter().find(|known| known.eq_ignore_ascii_case(protocol));
    known.map(Protocol::named)
}

fn port(file: &str, service: &Arc<str>, protocol: Option<&Protocol>) -> Result<u16, ResolutionFailure> {
    let (name, of) = match split(service) {
        Some((name, of)) => (name, Some(of)),
        None => (&**service, None),
    };
    look_up(file, name, protocol.map(Protocol::as_str).or(of))
        .ok_or_else(|| ResolutionFailure::NoSuchService { name: service.clone() })
}

/// The port that a services file gives a service: for this protocol if it has one of its own, otherwise the first.
/// Lines are `name port/protocol alias.. # comment`; others are skipped.
fn look_up(file: &str, service: &str, protocol: Option<&str>) -> Option<u16> {
    let mut first = None;
    for line in file.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let (Some(name), Some(at)) = (words.next(), words.next()) else { continue };
        if name != service && !words.any(|alias| alias == service) {
            continue;
        }
        let Some((Ok(port), of)) = at.split_once('/').map(|(port, of)| (port.parse(), of)) else { continue };
        if protocol.is_some_and(|protocol| protocol.eq_ignore_ascii_case(of)) {
            return Some(port);
        }
        first = first.or(Some(port));
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# comment
http\t\t80/tcp\t\twww\t# WorldWideWeb
syslog\t514/udp
shell\t514/tcp\tcmd syslog
broken
odd x/tcp
domain\t53/tcp
domain\t53/udp
";

    #[test]
    fn a_service_is_found_by_its_name_and_by_its_aliases() {
        assert_eq!(look_up(FILE, "http", None), Some(80));
        assert_eq!(look_up(FILE, "www", Some("tcp")), Some(80));
        assert_eq!(look_up(FILE, "http", Some("quic")), Some(80));
        for unknown in ["", "#", "80/tcp", "broken", "odd", "WorldWideWeb"] {
            assert_eq!(look_up(FILE, unknown, None), None, "{unknown}");
        }
    }

    #[test]
    fn the_name_of_an_srv_record_has_a_service_and_a_protocol() {
        assert_eq!(split("_sip._udp"), Some(("sip", "udp")));
        for other in ["sip", "_sip", "_sip._", "_._udp", "_a._b._c", "_a._b.c", "sip._udp"] {
            assert_eq!(split(other), None, "{other}");
        }
        assert_eq!(carried_by("UDP").unwrap().as_str(), "udp");
        assert_eq!(carried_by("tls"), None);
        assert_eq!(port(FILE, &"_domain._udp".into(), None), Ok(53));
    }

    #[test]
    fn the_port_of_the_protocol_that_is_asked_for_goes_first() {
        let file = "one 1/tcp\none 2/udp\n";
        assert_eq!(look_up(file, "one", Some("udp")), Some(2));
        assert_eq!(look_up(file, "one", Some("UDP")), Some(2));
        assert_eq!(look_up(file, "one", None), Some(1));
    }
}
