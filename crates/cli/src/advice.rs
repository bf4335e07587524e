//! What went wrong, and what to do about it.

use neatflow::{
    Candidate, ConnectionFailure, EstablishmentFailure, Failure, ListenFailure, ResolutionFailure,
    SelectionProperty, Status,
};

/// What went wrong, to be told once.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) what: String,
    pub(crate) status: Option<Status>,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) advice: Vec<String>,
}

/// One reason, of a candidate or of the whole.
#[derive(Debug)]
pub(crate) struct Reason {
    pub(crate) candidate: Option<Candidate>,
    pub(crate) why: String,
}

impl Trouble {
    pub(crate) fn new(what: String) -> Self {
        Self { what, status: None, reasons: Vec::new(), advice: Vec::new() }
    }

    fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    fn reason(&mut self, candidate: Option<&Candidate>, why: impl ToString) {
        self.reasons.push(Reason { candidate: candidate.cloned(), why: why.to_string() });
    }

    fn advise(&mut self, advice: Option<String>) {
        self.advice.extend(advice.filter(|advice| !self.advice.contains(advice)));
    }
}

pub(crate) fn not_established(peer: &str, failure: &EstablishmentFailure) -> Trouble {
    use EstablishmentFailure as E;
    let why = match failure {
        E::EstablishmentFailed { .. } => "every candidate failed".to_owned(),
        E::Timeout { after, .. } => format!("not established within {after:?}"),
        E::ResolutionFailed(_) if failure.unresolved().iter().any(is_known) => {
            "the name has no address".to_owned()
        }
        E::ResolutionFailed(_) => "the name could not be resolved".to_owned(),
        E::NoCandidates { .. } => "there is no way to try".to_owned(),
        E::InvalidConfiguration(_) => "what was asked for makes no sense".to_owned(),
        other => other.to_string(),
    };
    let mut trouble = Trouble::new(format!("cannot connect to {peer}: {why}")).status(failure.status());
    for attempt in failure.attempts() {
        match (failure, &attempt.reason) {
            // It was still waiting for an answer.
            (E::Timeout { .. }, Failure::Cancelled) => {
                trouble.reason(Some(&attempt.candidate), "no answer by then");
                trouble.advise(advice_on(&Failure::TimedOut));
            }
            (_, reason) => {
                trouble.reason(Some(&attempt.candidate), reason);
                trouble.advise(advice_on(reason));
            }
        }
    }
    let hosts = || failure.attempts().iter().filter_map(|attempt| attempt.candidate.host.as_deref());
    for unresolved in failure.unresolved().iter().filter(|unresolved| matters(unresolved, hosts())) {
        trouble.reason(None, unresolved);
        trouble.advise(Some(advice_on_name(unresolved)));
    }
    match failure {
        E::NoCandidates { why, properties } => {
            trouble.reason(None, no_way(why, properties));
            trouble.advise(ways(why, properties));
        }
        E::InvalidConfiguration(why) => trouble.reason(None, why),
        E::Timeout { .. } => {
            if trouble.reasons.is_empty() {
                trouble.reason(None, "nothing had been tried by then");
            }
            trouble.advise(Some("allow more time with --timeout".to_owned()));
        }
        _ => {}
    }
    trouble
}

pub(crate) fn not_resolved(name: &str, failures: &[ResolutionFailure]) -> Trouble {
    let mut trouble = Trouble::new(format!("cannot resolve {name}"));
    for failure in failures {
        trouble.advise(Some(advice_on_name(failure)));
    }
    trouble
}

pub(crate) fn not_listening(failure: &ListenFailure) -> Trouble {
    use ListenFailure as L;
    let mut trouble = Trouble::new(format!("cannot listen: {failure}")).status(failure.status());
    trouble.advise(match failure {
        L::Bind { reason: Failure::LocalAddress(_), .. } => {
            Some("is somebody listening there already? Port 0 takes a free one".to_owned())
        }
        L::Bind { reason, .. } => advice_on(reason),
        L::NoCandidates { properties, why } => ways(why, properties),
        _ => None,
    });
    trouble
}

pub(crate) fn failed(peer: &str, failure: &ConnectionFailure) -> Trouble {
    let mut trouble =
        Trouble::new(format!("the connection with {peer} failed: {failure}")).status(failure.status());
    trouble.advise(match failure {
        ConnectionFailure::AbortedByPeer => {
            Some("the peer may not have got, or sent, everything; see its log".to_owned())
        }
        ConnectionFailure::TimedOut => Some("check the network between here and the peer".to_owned()),
        ConnectionFailure::Transport(reason) => advice_on(reason),
        _ => None,
    });
    trouble
}

pub(crate) fn unanswered(peer: &str, reason: &Failure) -> Trouble {
    let what = format!("{peer} never answered, and the network reports: {reason}");
    let mut trouble = Trouble::new(what).status(reason.status());
    trouble.advise(advice_on(reason));
    trouble
}

/// Why there is no way to try, with the properties that are in the way.
fn no_way(why: &str, properties: &[SelectionProperty]) -> String {
    let names: Vec<_> = properties.iter().map(|property| property.name()).collect();
    if names.is_empty() { why.to_owned() } else { format!("{why} ({})", names.join(", ")) }
}

fn ways(why: &str, properties: &[SelectionProperty]) -> Option<String> {
    if !properties.is_empty() {
        return Some("`neatflow properties` shows which protocol offers what".to_owned());
    }
    if why.contains("security") {
        return Some(
            "no stack of this command secures anything: a program can register one that does".to_owned(),
        );
    }
    if why.contains("safelyReplayable") {
        return Some("if it does no harm: --set safelyReplayable=true".to_owned());
    }
    interfaces()
}

fn advice_on(reason: &Failure) -> Option<String> {
    Some(match reason {
        Failure::Refused => "nobody listens there: check host and port, and that the server runs".to_owned(),
        Failure::TimedOut => "no answer came: check the address, and firewalls on the way".to_owned(),
        Failure::Unreachable(_) => {
            "check that this machine has a route to it (`ip route get ADDR`)".to_owned()
        }
        Failure::LocalAddress(_) => "give an address of this machine and a free port, or port 0".to_owned(),
        Failure::NoSuchInterface(_) => return interfaces(),
        Failure::NotPermitted(_) => "ports below 1024 and some interfaces need privileges".to_owned(),
        _ => return None,
    })
}

/// Whether a name is worth a word: one that has addresses of one family alone is not, once they are known.
pub(crate) fn matters<'a>(reason: &ResolutionFailure, mut known: impl Iterator<Item = &'a str>) -> bool {
    match reason {
        ResolutionFailure::NoAddresses { name } => !known.any(|host| host == &**name),
        // Hardly any name has them.
        ResolutionFailure::NoServices { .. } => false,
        _ => true,
    }
}

/// Whether somebody who knows has said that there is nothing.
fn is_known(reason: &ResolutionFailure) -> bool {
    use ResolutionFailure as R;
    matches!(
        reason,
        R::NoSuchName { .. } | R::NoAddresses { .. } | R::NoServices { .. } | R::NoSuchService { .. }
    )
}

fn advice_on_name(reason: &ResolutionFailure) -> String {
    match reason {
        ResolutionFailure::Other { .. } => {
            "check the network and the name servers, or ask another one with --dns"
        }
        reason if is_known(reason) => "check the spelling, or ask another name server with --dns",
        _ => "try again, or ask another name server with --dns",
    }
    .to_owned()
}

fn interfaces() -> Option<String> {
    let interfaces = neatflow::stacks::interfaces().ok()?;
    let up = interfaces.into_iter().filter(|one| one.up).map(|one| {
        let addresses: Vec<_> = one.addresses.iter().map(ToString::to_string).collect();
        format!("{} ({})", one.name, addresses.join(", "))
    });
    Some(format!("the interfaces that are up here: {}", up.collect::<Vec<_>>().join(", ")))
}
