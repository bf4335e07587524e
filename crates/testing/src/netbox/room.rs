//! The namespace of the servers, and the program that sets up devices.

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Pid, gettid};
use std::fs;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A thread in a network namespace of its own, with a runtime for the servers in it.
#[derive(Debug)]
pub(super) struct Room {
    handle: Handle,
    /// Names the namespace.
    pub(super) thread: Pid,
    end: Option<oneshot::Sender<()>>,
    joined: Option<JoinHandle<()>>,
}

impl Room {
    pub(super) fn enter() -> io::Result<Self> {
        let (entered, came) = mpsc::sync_channel(1);
        let (end, ended) = oneshot::channel::<()>();
        let name = "netbox servers".to_owned();
        let joined = thread::Builder::new().name(name).spawn(move || {
            let enter = || {
                unshare(CloneFlags::CLONE_NEWNET)?;
                Builder::new_current_thread().enable_all().build()
            };
            match enter() {
                Ok(runtime) => {
                    _ = entered.send(Ok((runtime.handle().clone(), gettid())));
                    _ = runtime.block_on(ended);
                }
                Err(error) => _ = entered.send(Err(error)),
            }
        })?;
        let came = came.recv().map_err(|_| io::Error::other("the thread of the servers has died"))?;
        let (handle, thread) = came?;
        Ok(Self { handle, thread, end: Some(end), joined: Some(joined) })
    }

    /// Runs this there, and waits for it.
    pub(super) fn run<T: Send + 'static>(
        &self,
        what: impl Future<Output = io::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        let (out, result) = mpsc::sync_channel(1);
        self.handle.spawn(async move { _ = out.send(what.await) });
        result.recv().map_err(|_| io::Error::other("the thread of the servers has died"))?
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(joined) = self.joined.take() {
            _ = joined.join();
        }
    }
}

/// Has `ip` do all this in the namespace of the calling thread.
///
/// *Errors*: what it says.
pub(super) fn ip(lines: &[String]) -> io::Result<()> {
    let mut ip = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("cannot run `ip`: {error}")))?;
    if let Some(mut stdin) = ip.stdin.take() {
        stdin.write_all(lines.join("\n").as_bytes())?;
        stdin.write_all(b"\n")?;
    }
    let output = ip.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("`ip` failed: {} ({})", said.trim(), lines.join("; "))))
}

/// Packets may come from where the namespace of the calling thread would not send to.
pub(super) fn take_from_anywhere() -> io::Result<()> {
    fs::write("/proc/sys/net/ipv4/conf/all/rp_filter", "0")?;
    fs::write("/proc/sys/net/ipv4/conf/default/rp_filter", "0")
}
