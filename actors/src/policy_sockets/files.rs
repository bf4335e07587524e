//! The sockets as files: where they are, and who may use them.

use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
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
    /// The directory belongs to somebody else.
    #[error("{} belongs to another user, who could open it to others", .0.display())]
    Foreign(PathBuf),
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
    let about = fs::metadata(directory).map_err(failed)?;
    let mode = about.permissions().mode() & 0o777;
    if mode & PRIVATE != 0 {
        return Err(SocketsError::Open { directory: directory.to_owned(), mode });
    }
    // Whoever owns it can open it to others at any time. What is made there now shows who we are.
    let probe = directory.join(format!(".{}", std::process::id()));
    let _left_over = fs::remove_dir(&probe);
    DirBuilder::new().mode(0o700).create(&probe).map_err(failed)?;
    let ours = fs::symlink_metadata(&probe).map(|about| about.uid());
    fs::remove_dir(&probe).map_err(failed)?;
    if ours.map_err(failed)? == about.uid() {
        Ok(())
    } else {
        Err(SocketsError::Foreign(directory.to_owned()))
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

/// Whether somebody listens there, without waiting.
fn reach(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

/// One socket, in a directory that nobody else may enter: so it is private before it has its mode, too.
fn bind(path: &Path) -> Result<UnixListener, Trouble> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(Trouble::Io(error)),
        Ok(known) if !known.file_type().is_socket() => return Err(Trouble::NoSocket),
        Ok(_) => match reach(path) {
            // Nobody listens there any more.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(Trouble::Io)?;
            }
            // Somebody does, although there may be no room in the queue at the moment.
            Ok(()) => return Err(Trouble::Served),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(Trouble::Served),
            Err(error) => return Err(Trouble::Io(error)),
        },
    }
    let listener = UnixListener::bind(path).map_err(Trouble::Io)?;
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(Trouble::Io)?;
    listener.set_nonblocking(true).map_err(Trouble::Io)?;
    Ok(listener)
}
