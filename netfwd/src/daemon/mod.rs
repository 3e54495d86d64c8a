//! The daemon: brings the host to what the configuration says, keeps it there, and takes changes.

mod age;
mod announce;
mod change;
mod core;
mod error;
mod flush;
mod health;
mod metrics;
mod neighbours;
mod reconcile;
mod run;
mod start;
mod status;
mod targets;

pub use self::core::Core;
pub use error::CoreError;
pub use run::{Options, run};
