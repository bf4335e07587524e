//! The ports of services by their names (RFC 6335), as the system's services file has them.

use neatflow_core::policy::Request;
use neatflow_core::{Protocol, ResolutionFailure};
use std::sync::Arc;

/// Where the system keeps them.
const FILE: &str = if cfg!(windows) { r"C:\Windows\System32\drivers\etc\services" } else { "/etc/services" };

/// The request with ports in place of services. Touches the file only if it has to, on a blocking thread.
///
/// *Errors*: [`ResolutionFailure::NoSuchService`] for the first one that the file does not have.
pub(crate) async fn settle_services(request: Arc<Request>) -> Result<Arc<Request>, ResolutionFailure> {
    let locals = request.locals.iter().filter_map(|local| local.unresolved_service());
    let remotes = request.remotes.iter().filter_map(|remote| remote.unresolved_service());
    if locals.chain(remotes).next().is_none() {
        return Ok(request);
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
    for remote in &mut settled.remotes {
        if let Some(service) = remote.unresolved_service() {
            *remote = remote.clone().served_at(port(&file, service, remote.protocol.as_ref())?);
        }
    }
    Ok(Arc::new(settled))
}

fn port(file: &str, service: &Arc<str>, protocol: Option<&Protocol>) -> Result<u16, ResolutionFailure> {
    look_up(file, service, protocol.map(Protocol::as_str))
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
    fn the_port_of_the_protocol_that_is_asked_for_goes_first() {
        let file = "one 1/tcp\none 2/udp\n";
        assert_eq!(look_up(file, "one", Some("udp")), Some(2));
        assert_eq!(look_up(file, "one", Some("UDP")), Some(2));
        assert_eq!(look_up(file, "one", None), Some(1));
    }
}
