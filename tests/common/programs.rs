//! Peers that nobody here wrote.

use super::skip;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// A program that runs until it is dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
}

impl Program {
    /// Starts it; `None`, and the test is skipped, if this machine does not have it.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Option<Self> {
        let mut command = Command::new(name);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        match command.spawn() {
            Ok(child) => Some(Self { child }),
            Err(error) => {
                skip(&format!("cannot run {name}: {error}"));
                None
            }
        }
    }

    /// The port that it names in its standard output.
    pub(crate) fn port_on_stdout(&mut self, after: &str) -> u16 {
        let output = self.child.stdout.take().expect("it is piped and was not taken");
        port(output, after)
    }

    /// The port that it names in its standard error.
    pub(crate) fn port_on_stderr(&mut self, after: &str) -> u16 {
        let output = self.child.stderr.take().expect("it is piped and was not taken");
        port(output, after)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number that follows this text. What comes later is read and forgotten, so that the program never waits.
fn port(output: impl Read + Send + 'static, after: &str) -> u16 {
    let mut lines = BufReader::new(output).lines();
    let line = lines.find(|line| line.as_ref().map_or(true, |line| line.contains(after)));
    let line = line.expect("it ended before it said so").expect("it is text");
    std::thread::spawn(move || lines.for_each(drop));
    let (_, rest) = line.split_once(after).expect("it was just found");
    let digits = rest.trim_start().chars().take_while(char::is_ascii_digit).collect::<String>();
    digits.parse().unwrap_or_else(|_| panic!("no port in {line}"))
}
