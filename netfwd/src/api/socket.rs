//! The socket's file, and the lock that lets one daemon of a name run.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::{Mode, umask};
use tokio::net::UnixListener;

/// Where sockets are.
const DIR: &str = "/run/netfwd";
/// Whoever may open a file may lock it (flock(2)), and so keep the daemon from starting.
const LOCK_MODE: u32 = 0o600;

/// Why the socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another daemon of that name runs.
    #[error("netfwd {0} runs already; stop it first, or choose another name with -N")]
    Running(String),
    /// The file system refuses.
    #[error("{path} cannot be made ({source}); check the permissions there", path = path.display())]
    Io {
        /// What was to be made.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Held while a daemon or a cleanup of an instance runs; the kernel frees it when the process ends,
/// however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: Flock<File>,
}

impl Lock {
    /// Takes the lock of an instance, or says that it runs.
    pub fn take(instance: &str) -> Result<Self, SocketError> {
        let path = Path::new(DIR).join(format!("{instance}.lock"));
        fs::create_dir_all(DIR).map_err(|source| io_error(&path, source))?;
        loop {
            let file = open(&path).map_err(|source| io_error(&path, source))?;
            let Ok(file) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else {
                return Err(SocketError::Running(instance.to_owned()));
            };
            // A cleanup removes the file: who opened it before that holds the lock of nothing.
            if still_there(&file, &path).map_err(|source| io_error(&path, source))? {
                return Ok(Self { _file: file });
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(LOCK_MODE)
        .open(path)?;
    // One that is left of an earlier version may be for all to read.
    file.set_permissions(fs::Permissions::from_mode(LOCK_MODE))?;
    Ok(file)
}

fn still_there(file: &File, path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(now) => Ok(now.ino() == file.metadata()?.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn io_error(path: &Path, source: io::Error) -> SocketError {
    SocketError::Io {
        path: path.to_owned(),
        source,
    }
}

/// The socket of an instance.
pub fn path(instance: &str) -> PathBuf {
    Path::new(DIR).join(format!("{instance}.sock"))
}

/// Listens on the socket of an instance whose lock is held: a socket that is there is left over.
pub fn bind(instance: &str, _lock: &Lock) -> Result<UnixListener, SocketError> {
    let path = path(instance);
    listen(&path).map_err(|source| SocketError::Io { path, source })
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    // From its first moment nobody but owner and group may connect.
    let before = umask(Mode::from_bits_truncate(0o117));
    let listener = UnixListener::bind(path);
    umask(before);
    let listener = listener?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_can_take_a_lock() {
        let path = std::env::temp_dir().join(format!("netfwd-lock-{}", std::process::id()));
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        open(&path).unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600, "one of an earlier version");
        fs::remove_file(&path).unwrap();
        open(&path).unwrap();
        assert_eq!(mode(&path), 0o600, "a new one");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_socket_that_cannot_be_bound_says_why() {
        let path = Path::new("/").join("x".repeat(200));
        let error = listen(&path).unwrap_err();
        assert_ne!(error.kind(), io::ErrorKind::NotFound, "{error}");
    }
}
