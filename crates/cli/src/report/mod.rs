//! What is told: in aligned text for people, or in JSON lines for programs.

mod facts;
mod json;
mod text;

use crate::advice::Trouble;
use crate::args::Telling;
use neatflow::{Connection, Event, Protocol};
use serde_json::Value;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub(crate) use facts::{Seen, millis};
pub(crate) use text::{race as race_table, table, time, visible};

/// Where it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Stdout,
    Stderr,
}

/// Tells what happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    json: bool,
    verbose: bool,
    to: To,
    began: Instant,
}

impl Report {
    pub(crate) fn on_stderr(Telling { verbose, json }: Telling) -> Self {
        Self { json, verbose: verbose || json, to: To::Stderr, began: Instant::now() }
    }

    /// All on standard output.
    pub(crate) fn on_stdout(json: bool) -> Self {
        Self { json, verbose: true, to: To::Stdout, began: Instant::now() }
    }

    /// Whether events are told at all.
    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Whether it is for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// How long this report has been running.
    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// An event, if events are told.
    pub(crate) fn event(&self, event: &Event) {
        if self.verbose {
            self.seen(&Seen::now(self, event));
        }
    }

    /// A connection that was taken by hand, for which there is no event, if events are told.
    pub(crate) fn accepted(&self, connection: &Connection) {
        if self.verbose {
            self.seen(&Seen::accepted(self, connection));
        }
    }

    /// An event that somebody has seen.
    pub(crate) fn seen(&self, seen: &Seen) {
        self.say(|| vec![text::event(seen)], || vec![json::event(seen)]);
    }

    /// The race of a connection, if events are told and there was one.
    pub(crate) fn race(&self, connection: &Connection) {
        if let Some(record) = connection.race().filter(|_| self.verbose) {
            self.say(|| text::race(record), || json::race(record));
        }
    }

    /// Where is listened, at once: somebody may wait for it.
    pub(crate) fn listening(&self, to: To, sockets: &[(Protocol, SocketAddr)]) {
        let told = Self { to, ..*self };
        told.say(
            || sockets.iter().map(|(protocol, address)| text::listening(*address, protocol)).collect(),
            || sockets.iter().map(|(protocol, address)| json::listening(*address, protocol)).collect(),
        );
    }

    /// What it was all for, on standard output.
    pub(crate) fn outcome(&self, text: impl FnOnce() -> Vec<String>, json: impl FnOnce() -> Value) {
        let told = Self { to: To::Stdout, ..*self };
        told.say(text, || vec![json()]);
    }

    /// What went wrong. Told on standard error, come what may.
    pub(crate) fn trouble(&self, trouble: &Trouble) {
        let told = Self { to: To::Stderr, ..*self };
        told.say(|| text::trouble(trouble), || json::trouble(trouble));
    }

    /// A headline.
    pub(crate) fn step(&self, headline: &str) {
        self.say(|| vec![String::new(), headline.to_owned()], || vec![json::step(headline)]);
    }

    /// A sentence about something, with its data.
    pub(crate) fn note(&self, kind: &str, data: &[(&'static str, Value)]) {
        self.say(|| vec![text::note(kind, data)], || vec![json::note(kind, data)]);
    }

    /// The last word, in the same form for `ok` and for what is wrong.
    pub(crate) fn verdict(&self, who: &str, wrong: Option<&str>) {
        self.say(|| vec![String::new(), text::verdict(who, wrong)], || vec![json::verdict(who, wrong)]);
    }

    fn say(&self, text: impl FnOnce() -> Vec<String>, json: impl FnOnce() -> Vec<Value>) {
        let lines = if self.json { json().iter().map(Value::to_string).collect() } else { text() };
        let mut told = lines.join("\n");
        told.push('\n');
        // Nobody reads it: then there is nobody to tell that, either.
        let _ = match self.to {
            To::Stdout => write_and_flush(io::stdout().lock(), &told),
            To::Stderr => write_and_flush(io::stderr().lock(), &told),
        };
    }
}

fn write_and_flush(mut to: impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}
