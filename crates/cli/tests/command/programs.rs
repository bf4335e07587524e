//! Programs that nobody here wrote.

use super::support::PATIENCE;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

/// Says, past the capture of output, that a test, or a part of it, was left out. Where CI=true nothing may be.
pub(crate) fn skip(why: &str) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} must not be skipped: {why}");
    let _ = std::io::stderr().write_all(format!("SKIPPED {name}: {why}\n").as_bytes());
}

/// A program with its streams piped. It is killed when this is dropped.
pub(crate) struct Program(Child);

impl Program {
    /// Starts it; `None`, and the test is skipped, if this machine does not have it.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Option<Self> {
        let mut command = Command::new(name);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => Some(Self(child)),
            Err(error) => {
                skip(&format!("cannot run {name}: {error}"));
                None
            }
        }
    }

    /// Its whole input.
    pub(crate) fn says(&mut self, text: &[u8]) {
        self.0.stdin.take().unwrap().write_all(text).unwrap();
    }

    /// Its whole output, once it has ended.
    pub(crate) fn hears(&mut self) -> String {
        let mut stdout = self.0.stdout.take().unwrap();
        let reading = thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).map(|_| text)
        });
        let since = Instant::now();
        while !reading.is_finished() {
            assert!(since.elapsed() < PATIENCE, "it does not end");
            thread::sleep(std::time::Duration::from_millis(5));
        }
        reading.join().unwrap().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
