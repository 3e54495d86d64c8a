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
    #[error("network {network} still has {what}")]
    InUse {
        /// The network.
        network: String,
        /// The object, and how it is deleted.
        what: String,
    },
    /// Its network is gone from the file.
    #[error(
        "{what}, added by command, is in network {network}, which the file does not have; put the network back, or first run `netfwd {way_out}`"
    )]
    Homeless {
        /// The object.
        what: String,
        /// The network.
        network: String,
        /// The command that deletes the object.
        way_out: String,
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
            // As the same contradiction in a file.
            Self::Bad(_) | Self::Config(_) => 2,
            _ => 1,
        }
    }
}
