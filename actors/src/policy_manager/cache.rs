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
use std::sync::{Arc, Mutex, PoisonError};

/// Tells writers apart: two transports may keep one file.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// Writes snapshots in the order in which they were made: the last one is written at the end, while one before it may be
/// under way on another thread, which must not put it aside.
#[derive(Clone, Debug, Default)]
pub(super) struct Writer {
    made: u64,
    written: Arc<Mutex<u64>>,
}

impl Writer {
    /// The next snapshot; what it returns writes it, wherever it is called.
    pub(super) fn next(
        &mut self,
        path: PathBuf,
        snapshot: String,
    ) -> impl FnOnce() -> io::Result<()> + Send + use<> {
        self.made += 1;
        let (number, written) = (self.made, self.written.clone());
        move || {
            let mut last = written.lock().unwrap_or_else(PoisonError::into_inner);
            if *last < number {
                save(&path, &snapshot)?;
                *last = number;
            }
            Ok(())
        }
    }
}

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
fn save(path: &Path, snapshot: &str) -> io::Result<()> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::create_dir_all(directory)?;
    }
    match plain(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    let beside = beside(path, &format!("{}.{number}.new", std::process::id()));
    let written = write_private(&beside, snapshot.as_bytes()).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Nothing but a file will do: a pipe would keep us waiting, and a device may never end.
fn plain(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_file() { Ok(()) } else { Err(io::Error::other("it is no file")) }
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
    plain(path)?;
    let mut text = String::new();
    fs::File::open(path)?.take(MAX_DOCUMENT as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_snapshot_never_takes_the_place_of_a_newer_one() {
        let path = std::env::temp_dir().join(format!("neatflow-cache-order-{}", std::process::id()));
        let mut writer = Writer::default();
        let older = writer.next(path.clone(), "older".to_owned());
        let newer = writer.next(path.clone(), "newer".to_owned());
        newer().unwrap();
        older().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "newer");
        fs::remove_file(&path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_neither_read_nor_replaced() {
        let place = std::env::temp_dir().join(format!("neatflow-cache-{}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        // A socket stands for all that is no file: who opened a pipe would wait for ever.
        let path = place.join("socket");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let logger = Logger::root(slog::Discard, slog::o!());
        assert!(load(&path, Time::ZERO, &logger).is_empty());
        assert_eq!(save(&path, "{}").unwrap_err().to_string(), "it is no file");
        assert!(!fs::metadata(&path).unwrap().is_file(), "it is still what it was");
        save(&place.join("file"), "{}").unwrap();
        save(&place.join("file"), "{}").unwrap();
        fs::remove_dir_all(&place).unwrap();
    }
}
