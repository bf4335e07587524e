//! The sockets as files: where they are, and who may use them.

use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Where requests are answered, in the directory of the sockets.
pub const PM_SOCKET: &str = "neat_pm_socket";
/// Where policies and profiles are taken in.
pub const PIB_SOCKET: &str = "neat_pib_socket";
/// Where nodes are taken in.
pub const CIB_SOCKET: &str = "neat_cib_socket";

/// Nobody but the owner.
const PRIVATE: u32 = 0o077;

/// Why the sockets could not be made.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SocketsError {
    /// The directory is open to others.
    #[error("{} is open to others (mode {mode:03o}): the sockets need a directory of their owner's alone, chmod 700", .directory.display())]
    Open {
        /// The directory.
        directory: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Somebody serves there already.
    #[error("{} is served by somebody already", .0.display())]
    Served(PathBuf),
    /// Something else is there.
    #[error("{} is there, and no socket", .0.display())]
    NoSocket(PathBuf),
    /// The system refused.
    #[error("{}: {reason}", .path.display())]
    Io {
        /// What it is about.
        path: PathBuf,
        /// Why.
        reason: Arc<io::Error>,
    },
}

/// The three sockets, bound. Their files are removed when this is dropped.
#[derive(Debug)]
pub struct SocketFiles {
    directory: PathBuf,
    pub(super) listeners: Vec<(&'static str, UnixListener)>,
}

impl SocketFiles {
    /// Binds the three sockets in a directory, which is made (mode 0700) if need be. Sockets that nobody serves any
    /// more are replaced.
    ///
    /// *Errors*: the directory is open to others; somebody serves there; something else has that name; the system
    /// refuses.
    pub fn bind(directory: impl Into<PathBuf>) -> Result<Self, SocketsError> {
        let directory = directory.into();
        private(&directory)?;
        let mut files = Self { directory, listeners: Vec::new() };
        for name in [PM_SOCKET, PIB_SOCKET, CIB_SOCKET] {
            let path = files.directory.join(name);
            let listener = bind(&path).map_err(|error| error.about(&path))?;
            files.listeners.push((name, listener));
        }
        Ok(files)
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for SocketFiles {
    fn drop(&mut self) {
        for (name, _) in &self.listeners {
            let _gone_already = fs::remove_file(self.directory.join(name));
        }
    }
}

/// A directory of the owner's alone.
fn private(directory: &Path) -> Result<(), SocketsError> {
    let failed = |reason| Trouble::Io(reason).about(directory);
    if let Some(parent) = directory.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    let mode = fs::metadata(directory).map_err(failed)?.permissions().mode() & 0o777;
    if mode & PRIVATE == 0 {
        Ok(())
    } else {
        Err(SocketsError::Open { directory: directory.to_owned(), mode })
    }
}

/// What is wrong with one of them.
enum Trouble {
    Served,
    NoSocket,
    Io(io::Error),
}

impl Trouble {
    fn about(self, path: &Path) -> SocketsError {
        let path = path.to_owned();
        match self {
            Self::Served => SocketsError::Served(path),
            Self::NoSocket => SocketsError::NoSocket(path),
            Self::Io(reason) => SocketsError::Io { path, reason: Arc::new(reason) },
        }
    }
}

/// One socket, in a directory that nobody else may enter: so it is private before it has its mode, too.
fn bind(path: &Path) -> Result<UnixListener, Trouble> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(Trouble::Io(error)),
        Ok(known) if !known.file_type().is_socket() => return Err(Trouble::NoSocket),
        Ok(_) if UnixStream::connect(path).is_ok() => return Err(Trouble::Served),
        Ok(_) => fs::remove_file(path).map_err(Trouble::Io)?,
    }
    let listener = UnixListener::bind(path).map_err(Trouble::Io)?;
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(Trouble::Io)?;
    listener.set_nonblocking(true).map_err(Trouble::Io)?;
    Ok(listener)
}
