//! Names without name servers.

use actix::prelude::*;
use neatflow_actors::name_resolver::{Answered, Resolve};
use neatflow_core::ResolutionFailure;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::stack::SCRIPTED_PANIC;

/// An actor that resolves names from a script, in place of the name resolver. A name that is not in the script
/// does not exist.
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
    asked: Asked,
    /// Who waits in vain.
    unanswered: Vec<Recipient<Answered>>,
}

/// Which names were asked for, in order; a copy sees what the resolver sees.
#[derive(Clone, Default)]
pub struct Asked(Arc<Mutex<Vec<Arc<str>>>>);

#[derive(Clone, Default)]
struct Script {
    parts: Vec<(Duration, Result<Vec<IpAddr>, ResolutionFailure>)>,
    /// No part is the last.
    endless: bool,
    panics: bool,
    /// Every part says that it is the last.
    babbles: bool,
}

impl ScriptedResolver {
    /// It knows no name.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name has these addresses; they are told this long after the question. Said several times, the answer
    /// comes in parts.
    ///
    /// # Panics
    /// When one is not an address.
    #[must_use]
    #[track_caller]
    pub fn answers<T: ToString>(
        self,
        name: &str,
        after: Duration,
        addresses: impl IntoIterator<Item = T>,
    ) -> Self {
        let read = |address: T| {
            let text = address.to_string();
            text.parse().unwrap_or_else(|_| panic!("not an address: {text}"))
        };
        let addresses = addresses.into_iter().map(read).collect();
        self.part(name, after, Ok(addresses))
    }

    /// One part of the answer is this failure.
    #[must_use]
    pub fn fails(self, name: &str, after: Duration, failure: ResolutionFailure) -> Self {
        self.part(name, after, Err(failure))
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

    /// Which names were asked for.
    pub fn asked(&self) -> Asked {
        self.asked.clone()
    }

    fn part(mut self, name: &str, after: Duration, part: Result<Vec<IpAddr>, ResolutionFailure>) -> Self {
        let parts = &mut self.names.entry(name.into()).or_default().parts;
        parts.push((after, part));
        parts.sort_by_key(|(after, _)| *after);
        self
    }
}

impl Asked {
    /// The names, in the order of the questions.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Actor for ScriptedResolver {
    type Context = Context<Self>;
}

impl Handler<Resolve> for ScriptedResolver {
    type Result = ();

    fn handle(&mut self, question: Resolve, ctx: &mut Self::Context) {
        let Resolve { query, host, answers } = question;
        self.asked.0.lock().unwrap_or_else(PoisonError::into_inner).push(host.clone());
        let script = self.names.get(&*host).cloned().unwrap_or_else(|| Script {
            parts: vec![(Duration::ZERO, Err(ResolutionFailure::NoSuchName { name: host.clone() }))],
            ..Script::default()
        });
        assert!(!script.panics, "{SCRIPTED_PANIC}");
        if script.endless {
            self.unanswered.push(answers.clone());
        }
        let parts = script.parts.len();
        for (index, (after, result)) in script.parts.into_iter().enumerate() {
            let last = !script.endless && (script.babbles || index + 1 == parts);
            let answered = Answered { query, result, last };
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
