//! Why the daemon could not do something.

use crate::api::SocketError;
use crate::apply::ApplyError;
use crate::cleanup::CleanupError;
use crate::config::ConfigError;
use crate::dataplane::DataplaneError;
use crate::desired::DesiredError;
use crate::links::LinkError;
use crate::metrics::ListenError;
use crate::observe::ObserveError;
use crate::runtime::{ChangeError, StoreError};

/// Why the daemon could not do something.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// The file is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The host cannot have it.
    #[error(transparent)]
    Desired(#[from] DesiredError),
    /// A change is refused.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The data path.
    #[error(transparent)]
    Dataplane(#[from] DataplaneError),
    /// A step of a plan failed.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The host could not be observed.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// Something could not be removed.
    #[error(transparent)]
    Cleanup(#[from] CleanupError),
    /// Interfaces could not be read.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The state's files.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Plans do not come to an end.
    #[error(
        "the host does not become what it should be, for one because of {0}; look at the log, and report this"
    )]
    NoEnd(String),
    /// Figures cannot be served.
    #[error(transparent)]
    Metrics(#[from] ListenError),
    /// The operating system.
    #[error("cannot {0} ({1}); run `netfwd check`")]
    System(&'static str, std::io::Error),
}

impl CoreError {
    /// The exit code of the command that asked.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Change(error) => error.exit_code(),
            Self::Desired(error) => error.exit_code(),
            _ => 1,
        }
    }
}
