//! Child processes: this same program with a hidden argument. Each is bounded in time and ended by its parent.

use crate::order::{Order, Task};
use crate::{Failure, load, server, sys};
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// What tells a child from the program that people start.
const MARK: &str = "__child";

/// Does what a parent ordered; `None` if nobody did, because this is no child.
pub(crate) fn obey() -> Option<Result<(), Failure>> {
    let mut arguments = env::args().skip(1);
    let order = (arguments.next()? == MARK).then(|| arguments.next())?;
    Some(order.ok_or_else(|| "a child without an order".into()).and_then(|order| carry_out(&order)))
}

/// The work is done on a thread, so that this one can end the process when its time is over.
fn carry_out(order: &str) -> Result<(), Failure> {
    let Order { task, core, lifetime } = serde_json::from_str(order)?;
    sys::open_many_files()?;
    if let Some(core) = core {
        sys::pin(core)?;
    }
    let (tell, done) = mpsc::channel();
    thread::Builder::new().name("work".into()).spawn(move || {
        let outcome = match task {
            Task::Serve(serving) => server::run(serving),
            task => load::obey(&task),
        };
        // Nobody hears of it once the time is over.
        let _ = tell.send(outcome);
    })?;
    done.recv_timeout(lifetime).map_err(|error| match error {
        RecvTimeoutError::Timeout => "nobody has ended this child in time",
        RecvTimeoutError::Disconnected => "the child's work panicked",
    })?
}

/// A child process. Dropping it ends it.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(order: &Order) -> Result<Self, Failure> {
        let mut child = Command::new(env::current_exe()?)
            .args([MARK, &serde_json::to_string(order)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("a child without output")?;
        let (tell, lines) = mpsc::channel();
        let process = Self { child, lines };
        // It ends with the child's output.
        thread::Builder::new().spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines.take_while(|line| tell.send(line.clone()).is_ok()).for_each(drop);
        })?;
        Ok(process)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line it says, in time.
    pub(crate) fn hear(&self, within: Duration) -> Result<String, Failure> {
        self.lines.recv_timeout(within).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("a child was silent for {within:?}").into(),
            RecvTimeoutError::Disconnected => "a child ended too early".into(),
        })
    }

    /// Asks it, and hears the answer.
    pub(crate) fn ask(&mut self, within: Duration) -> Result<String, Failure> {
        self.child.stdin.as_mut().ok_or("a child without input")?.write_all(b"\n")?;
        self.hear(within)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
