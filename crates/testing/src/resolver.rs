//! Names without name servers.

use actix::prelude::*;
use neatflow_actors::name_resolver::{Answered, DnsProtocol, Origin, Resolve};
use neatflow_core::ResolutionFailure;
use neatflow_core::racing::{Address, Family, RecordKind, ServiceRecord};
use neatflow_core::resolution::{Kinds, Records};
use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::stack::SCRIPTED_PANIC;

/// An actor that resolves names from a script, in place of the name resolver. A name that is not in the script
/// does not exist.
///
/// What is asked of a name in the script and was not spoken of, it does not have; that is told together with the
/// first that it has, and never for a name whose answer is [never](Self::never) complete.
///
/// ```
/// use neatflow_testing::resolver::ScriptedResolver;
/// use std::time::Duration;
///
/// let resolver = ScriptedResolver::new()
///     .answers("example.org", Duration::from_millis(20), ["2001:db8::1"])
///     .answers("example.org", Duration::from_millis(90), ["192.0.2.1"])
///     .never("example.net");
/// ```
#[derive(Default)]
pub struct ScriptedResolver {
    names: BTreeMap<String, Script>,
    secure: bool,
    asked: Asked,
    /// Who waits in vain.
    unanswered: Vec<Recipient<Answered>>,
}

/// Which names were asked for, in order; a copy sees what the resolver sees.
#[derive(Clone, Default)]
pub struct Asked(Arc<Mutex<Vec<Asking>>>);

/// A name, and what is asked of it.
pub type Asking = (Arc<str>, Kinds);

#[derive(Clone, Default)]
struct Script {
    parts: Vec<Part>,
    /// For all types of which there is no part.
    otherwise: Option<(Duration, ResolutionFailure)>,
    /// No part is the last.
    endless: bool,
    panics: bool,
    /// Every part says that it is the last.
    babbles: bool,
}

#[derive(Clone)]
struct Part {
    after: Duration,
    kind: RecordKind,
    result: Result<Records, ResolutionFailure>,
}

impl ScriptedResolver {
    /// It knows no name.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name has these addresses; those of each family are told together, this long after the question. Said
    /// twice of a family, there are two answers, as from no real resolver.
    ///
    /// # Panics
    /// When one is not an address.
    #[must_use]
    #[track_caller]
    pub fn answers<T: ToString>(
        mut self,
        name: &str,
        after: Duration,
        addresses: impl IntoIterator<Item = T>,
    ) -> Self {
        let read = |address: T| {
            let text = address.to_string();
            text.parse::<Address>().unwrap_or_else(|_| panic!("not an address: {text}"))
        };
        let (v6, v4): (Vec<_>, Vec<_>) =
            addresses.into_iter().map(read).partition(|address| address.family() == Family::V6);
        for (kind, addresses) in [(RecordKind::Aaaa, v6), (RecordKind::A, v4)] {
            if !addresses.is_empty() {
                self = self.part(name, after, kind, Ok(Records::Addresses(addresses)));
            }
        }
        self
    }

    /// The name has these service bindings.
    #[must_use]
    pub fn services(
        self,
        name: &str,
        after: Duration,
        services: impl IntoIterator<Item = ServiceRecord>,
    ) -> Self {
        let services = Records::Services(services.into_iter().collect());
        self.part(name, after, RecordKind::Https, Ok(services))
    }

    /// All types that are not spoken of fail like this.
    #[must_use]
    pub fn fails(mut self, name: &str, after: Duration, failure: ResolutionFailure) -> Self {
        self.names.entry(name.into()).or_default().otherwise = Some((after, failure));
        self
    }

    /// This type fails like this.
    #[must_use]
    pub fn fails_for(
        self,
        name: &str,
        kind: RecordKind,
        after: Duration,
        failure: ResolutionFailure,
    ) -> Self {
        self.part(name, after, kind, Err(failure))
    }

    /// The answer is never complete, whatever parts of it come.
    #[must_use]
    pub fn never(mut self, name: &str) -> Self {
        self.names.entry(name.into()).or_default().endless = true;
        self
    }

    /// The resolver panics over the question.
    #[must_use]
    pub fn panics(mut self, name: &str) -> Self {
        self.names.entry(name.into()).or_default().panics = true;
        self
    }

    /// The resolver breaks its contract: each part says that nothing more comes.
    #[must_use]
    pub fn babbles(mut self, name: &str) -> Self {
        self.names.entry(name.into()).or_default().babbles = true;
        self
    }

    /// Its answers come as over TLS, and are secure.
    #[must_use]
    pub fn secure(self) -> Self {
        Self { secure: true, ..self }
    }

    /// Which names were asked for.
    pub fn asked(&self) -> Asked {
        self.asked.clone()
    }

    fn part(
        mut self,
        name: &str,
        after: Duration,
        kind: RecordKind,
        result: Result<Records, ResolutionFailure>,
    ) -> Self {
        self.names.entry(name.into()).or_default().parts.push(Part { after, kind, result });
        self
    }
}

impl Script {
    /// What this question gets, in order.
    fn parts(self, host: &Arc<str>, kinds: Kinds) -> Vec<Part> {
        let first = self.parts.iter().map(|part| part.after).min().unwrap_or_default();
        let missing = kinds.iter().filter(|&kind| self.parts.iter().all(|part| part.kind != kind));
        let fill = |kind| {
            let (after, failure) = match self.otherwise.clone() {
                Some(otherwise) => otherwise,
                None if kind == RecordKind::Https => {
                    (first, ResolutionFailure::NoServices { name: host.clone() })
                }
                None => (first, ResolutionFailure::NoAddresses { name: host.clone() }),
            };
            Part { after, kind, result: Err(failure) }
        };
        let fill_up = self.otherwise.is_some() || !self.endless;
        let filled: Vec<_> = missing.filter(|_| fill_up).map(fill).collect();
        // What there is goes first.
        let wanted = self.parts.into_iter().filter(|part| kinds.contains(part.kind));
        let mut parts: Vec<_> = wanted.chain(filled).collect();
        parts.sort_by_key(|part| part.after);
        parts
    }
}

impl Asked {
    /// The names, in the order of the questions.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.questions().into_iter().map(|(name, _)| name).collect()
    }

    /// The names and what was asked of them, in the order of the questions.
    pub fn questions(&self) -> Vec<Asking> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Actor for ScriptedResolver {
    type Context = Context<Self>;
}

impl Handler<Resolve> for ScriptedResolver {
    type Result = ();

    fn handle(&mut self, question: Resolve, ctx: &mut Self::Context) {
        let Resolve { query, host, kinds, answers, .. } = question;
        self.asked.0.lock().unwrap_or_else(PoisonError::into_inner).push((host.clone(), kinds));
        let script = self.names.get(&*host).cloned().unwrap_or_else(|| Script {
            otherwise: Some((Duration::ZERO, ResolutionFailure::NoSuchName { name: host.clone() })),
            ..Script::default()
        });
        assert!(!script.panics, "{SCRIPTED_PANIC}");
        let (endless, babbles) = (script.endless, script.babbles);
        if endless {
            self.unanswered.push(answers.clone());
        }
        let protocol = if self.secure { DnsProtocol::Tls } else { DnsProtocol::Udp };
        let origin = Origin::Server { address: (Ipv4Addr::new(192, 0, 2, 53), 53).into(), protocol };
        let parts = script.parts(&host, kinds);
        let many = parts.len();
        for (index, Part { after, kind, result }) in parts.into_iter().enumerate() {
            let last = !endless && (babbles || index + 1 == many);
            let answered = Answered { query, kind, result, origin: origin.clone(), ttl: None, last };
            if after.is_zero() {
                answers.do_send(answered);
            } else {
                let answers = answers.clone();
                ctx.run_later(after, move |_, _| answers.do_send(answered));
            }
        }
    }
}

impl fmt::Debug for ScriptedResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names.keys()).finish()
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
