//! Why a change is refused.

use crate::config::{ConfigError, Place};

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// It is there already.
    #[error("{0} exists already; use `replace`, or delete it first")]
    Exists(String),
    /// It is not there.
    #[error("{0} does not exist; the `show` command lists what does")]
    Absent(String),
    /// The file declares it.
    #[error("{what} is declared at {place}; edit the file and run `netfwd reload`")]
    InFile {
        /// The object.
        what: String,
        /// Where.
        place: Place,
    },
    /// A network has objects that were added by command.
    #[error("network {network} still has {what}, added by command; delete that first")]
    InUse {
        /// The network.
        network: String,
        /// The object.
        what: String,
    },
    /// A value or a combination of options that makes no sense.
    #[error("{0}")]
    Bad(String),
    /// It contradicts something else.
    #[error("{0}")]
    Config(#[from] ConfigError),
}

impl ChangeError {
    /// The exit code of the command that asked for the change.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Bad(_) => 2,
            _ => 1,
        }
    }
}
