//! A file that is read again when it changes.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Reads a file.
type Read<T> = dyn Fn(&Path) -> Result<T, T> + Send + Sync;

/// How long a file is taken to be as it was: looking at it costs more than all else a known name costs.
pub(super) const GLANCE: Duration = Duration::from_millis(100);

/// What a file says, kept until the file changes, which is noticed after [`GLANCE`]. The file is touched on a blocking
/// thread only.
///
/// `read` gives an error for what holds this time only: the file could not be read (too many open files, say), which
/// its next reader may be able to.
pub(super) struct Watched<T> {
    path: PathBuf,
    read: Arc<Read<T>>,
    kept: Mutex<Option<Kept<T>>>,
}

struct Kept<T> {
    stamp: Stamp,
    value: Arc<T>,
    looked: Instant,
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// `read` is also called when there is no such file.
    pub(super) fn new(path: PathBuf, read: impl Fn(&Path) -> Result<T, T> + Send + Sync + 'static) -> Self {
        Self { path, read: Arc::new(read), kept: Mutex::new(None) }
    }

    /// What the file says now.
    ///
    /// *Errors*: `None` if reading panicked, or the runtime is shutting down.
    ///
    /// *Cancel safety*: a reading that is given up is done again by the next caller.
    pub(super) async fn get(&self) -> Option<Arc<T>> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.looked.elapsed() < GLANCE) {
            return Some(kept.value.clone());
        }
        let (path, read) = (self.path.clone(), self.read.clone());
        let known = kept.as_ref().map(|kept| kept.stamp);
        let looked = Instant::now();
        let news = actix_rt::task::spawn_blocking(move || {
            // Taken first: a change while reading is noticed next time.
            let stamp = Stamp::of(&path);
            (known != Some(stamp)).then(|| (stamp, read(&path).map(Arc::new).map_err(Arc::new)))
        });
        match news.await.ok()? {
            None => {}
            Some((stamp, Ok(value))) => *kept = Some(Kept { stamp, value, looked }),
            Some((_, Err(value))) => return Some(value),
        }
        let kept = kept.as_mut()?;
        kept.looked = looked;
        Some(kept.value.clone())
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Tells one state of a file from another: its modification time and its length. `None`: there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    fn of(path: &Path) -> Self {
        let metadata = fs::metadata(path).ok();
        Self(metadata.and_then(|metadata| Some((metadata.modified().ok()?, metadata.len()))))
    }
}
