//! The file that keeps what was learned from one run to the next. It blocks: the policy manager has it done on a thread
//! for that, but at its very end.

use neatflow_core::Time;
use neatflow_core::policy::Learned;
use neatflow_core::policy::neat::MAX_DOCUMENT;
use slog::{Logger, warn};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells writers apart: the last one comes while one before it may be under way, and two transports may keep one file.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// Reads what was learned; nothing if there is no file, or if it is damaged. A damaged one is set aside, with a warning.
pub(super) fn load(path: &Path, now: Time, logger: &Logger) -> Learned {
    let text = match text_of(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Learned::new(),
        // Bytes that are no text are damage like any other.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            set_aside(path, &error.to_string(), logger);
            return Learned::new();
        }
        Err(error) => {
            warn!(logger, "cannot read the policy cache"; "file" => %path.display(), "error" => %error);
            return Learned::new();
        }
    };
    Learned::from_snapshot(&text, now).unwrap_or_else(|fault| {
        set_aside(path, &fault.to_string(), logger);
        Learned::new()
    })
}

/// Writes a snapshot in place of the one that is there, whole or not at all, for this user alone.
pub(super) fn save(path: &Path, snapshot: &str) -> io::Result<()> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::create_dir_all(directory)?;
    }
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    let beside = beside(path, &format!("{}.{number}.new", std::process::id()));
    let written = write_private(&beside, snapshot.as_bytes()).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn set_aside(path: &Path, why: &str, logger: &Logger) {
    let aside = beside(path, "damaged");
    let moved = fs::rename(path, &aside);
    warn!(logger, "the policy cache is damaged and was set aside";
        "file" => %path.display(), "as" => %aside.display(), "reason" => why, "moved" => moved.is_ok());
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(MAX_DOCUMENT as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}
