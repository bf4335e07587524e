//! Programs that nobody here wrote.

use super::support::PATIENCE;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

/// Says, past the capture of output, that a test, or a part of it, was left out. Where CI=true nothing may be.
pub(crate) fn skip(why: &str) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} must not be skipped: {why}");
    let _ = std::io::stderr().write_all(format!("SKIPPED {name}: {why}\n").as_bytes());
}

/// A program with its streams piped. It is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    lines: Option<Lines>,
}

impl Program {
    /// Starts it; `None`, and the test is skipped, if this machine does not have it.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Option<Self> {
        let mut command = Command::new(name);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => Some(Self { child, lines: None }),
            Err(error) => {
                skip(&format!("cannot run {name}: {error}"));
                None
            }
        }
    }

    /// Starts one that listens, and tells the port it names on standard output or error, after this text.
    pub(crate) fn listening(name: &str, arguments: &[&str], after: &str) -> Option<(Self, String)> {
        let mut command = Command::new(name);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                skip(&format!("cannot run {name}: {error}"));
                return None;
            }
        };
        let lines = Lines::of(child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let port = loop {
            let line = lines.next();
            if let Some((_, rest)) = line.split_once(after) {
                break rest.chars().take_while(char::is_ascii_digit).collect();
            }
        };
        Some((Self { child, lines: Some(lines) }, port))
    }

    /// Feeds it all of this, and what it says until its end.
    pub(crate) fn fed(&mut self, input: &[u8]) -> Vec<u8> {
        let mut stdin = self.child.stdin.take().unwrap();
        stdin.write_all(input).unwrap();
        drop(stdin);
        let mut said = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut said).unwrap();
        said
    }

    /// The next line that it says.
    pub(crate) fn line(&mut self) -> String {
        self.lines.as_ref().unwrap().next()
    }

    /// Its whole input.
    pub(crate) fn says(&mut self, text: &[u8]) {
        self.child.stdin.take().unwrap().write_all(text).unwrap();
    }

    /// Its whole output, once it has ended.
    pub(crate) fn hears(&mut self) -> String {
        let mut stdout = self.child.stdout.take().unwrap();
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

/// What a program says, line by line; what nobody asks for is read all the same, so that it never waits.
struct Lines(mpsc::Receiver<String>);

impl Lines {
    fn of(stdout: impl Read + Send + 'static, stderr: impl Read + Send + 'static) -> Self {
        let (said, lines) = mpsc::channel();
        let streams: [Box<dyn Read + Send>; 2] = [Box::new(stdout), Box::new(stderr)];
        for stream in streams {
            let said = said.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    // The test may have heard enough.
                    let _ = said.send(line);
                }
            });
        }
        Self(lines)
    }

    fn next(&self) -> String {
        self.0.recv_timeout(PATIENCE).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
