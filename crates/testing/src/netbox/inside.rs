//! Running a test in namespaces of its own.
//!
//! A process that has threads cannot enter a user namespace, and a test has threads from its first line. So the test
//! is run again, in a process that begins in the namespaces: by `unshare`, which has it die with its parent.

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use std::env;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::time::Instant;

/// Says which test a process was started for.
const VARIABLE: &str = "NEATFLOW_NETBOX";

/// The first line of a test that has begun inside.
const INSIDE: &str = "netbox: inside";

/// The ordinary user `nobody`.
const NOBODY: &str = "65534";

/// How long a test may take.
const LONGEST: Duration = Duration::from_secs(300);

/// Who runs a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// Whoever runs the tests.
    Same,
    /// Somebody without any rights: root becomes `nobody`, others stay who they are.
    Ordinary,
}

/// Why a box cannot be had here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no network in a box: {0}")]
pub struct Unavailable(String);

/// Runs a test in namespaces of its own, where it can start a [`NetBox`](super::NetBox).
///
/// `name` is the test's own, as `cargo test` prints it: the test is run again by it, as a process of its own, in which
/// `run` calls `test`. Where `run` is called first, it returns when that process has ended. Everything the test has
/// started ends with it, and it ends when the process that runs the tests ends.
///
/// The tests of one process have their boxes one after the other, and each at most five minutes.
///
/// *Errors*: [`Unavailable`] where the kernel does not let this user have namespaces or virtual devices, or where
/// `unshare`, `setpriv` or `ip` are missing; what is to be skipped then is the caller's to say.
///
/// # Panics
///
/// If the test does, with what it said; or if there is no test of this name.
pub fn run(name: &str, user: User, test: impl FnOnce()) -> Result<(), Unavailable> {
    if env::var(VARIABLE).as_deref() == Ok(name) {
        say_inside();
        end_in_time();
        test();
        return Ok(());
    }
    // Times are real: two boxes at once would be in each other's way.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    available(user)?;
    let exe = executable(user).map_err(|error| Unavailable(error.to_string()))?;
    let mut command = enter(user, &exe);
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(VARIABLE, name);
    let output = finish(&mut command).map_err(|error| Unavailable(error.to_string()))?;
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(INSIDE), "there is no test {name:?}, or it did not begin: {said}");
    // What it has to say counts here as well.
    for line in said.lines().filter(|line| is_told(line)) {
        _ = io::stderr().write_all(format!("{line}\n").as_bytes());
    }
    assert!(output.status.success(), "{name} failed in its box:\n{said}");
    Ok(())
}

/// Whether this process is one that [`run`] has started, and so in namespaces of its own.
pub fn is_inside() -> bool {
    env::var_os(VARIABLE).is_some()
}

fn is_told(line: &str) -> bool {
    line.starts_with("SKIPPED") || line.starts_with("netbox: ") && line != INSIDE
}

/// Whether a box can be had by this user.
///
/// *Errors*: why not.
pub fn available(user: User) -> Result<(), Unavailable> {
    static KNOWN: [OnceLock<Result<(), Unavailable>>; 2] = [const { OnceLock::new() }; 2];
    KNOWN[user as usize].get_or_init(|| probe(user)).clone()
}

fn probe(user: User) -> Result<(), Unavailable> {
    let mut ip = enter(user, Path::new("ip"));
    ip.args(["link", "add", "boxprobe0", "type", "veth", "peer", "name", "boxprobe1"]);
    let output = finish(&mut ip).map_err(|error| Unavailable(format!("cannot run a program: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Unavailable(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// A command that runs this program in new namespaces.
fn enter(user: User, program: &Path) -> Command {
    let root = is_root();
    let mut command = if user == User::Ordinary && root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "unshare"]);
        command
    } else {
        Command::new("unshare")
    };
    if user == User::Ordinary || !root {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--"]).arg(program);
    command
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Runs it, with an input that ends when this process does.
fn finish(command: &mut Command) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let held = child.stdin.take();
    let output = child.wait_with_output();
    drop(held);
    output
}

/// Past the capture of output.
fn say_inside() {
    _ = io::stderr().write_all(format!("{INSIDE}\n").as_bytes());
}

/// `unshare` ends its child, but nobody ends `unshare`; and nobody waits for ever.
fn end_in_time() {
    thread::spawn(|| {
        let mut input = io::stdin().lock();
        while input.read(&mut [0; 16]).is_ok_and(|read| read > 0) {}
        std::process::abort();
    });
    thread::spawn(|| {
        let began = Instant::now();
        while let Some(left) = LONGEST.checked_sub(began.elapsed()) {
            thread::park_timeout(left);
        }
        _ = io::stderr().write_all(b"the test hangs\n");
        std::process::abort();
    });
}

/// This program, at a place where the user can run it.
fn executable(user: User) -> io::Result<PathBuf> {
    let own = env::current_exe()?;
    if user == User::Same || !is_root() {
        return Ok(own);
    }
    let mut reach = Command::new("setpriv");
    reach.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "test", "-x"]).arg(&own);
    if reach.status()?.success() {
        return Ok(own);
    }
    // Nobody else may enter its directory, but whoever inherits the open file can run it.
    static OPEN: OnceLock<Option<File>> = OnceLock::new();
    let open = || {
        let file = File::open(&own).ok()?;
        fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).ok()?;
        Some(file)
    };
    match OPEN.get_or_init(open) {
        Some(file) => Ok(format!("/proc/self/fd/{}", file.as_raw_fd()).into()),
        None => Err(io::Error::other(format!("nobody else can run {}", own.display()))),
    }
}
