//! Commands that change something: sent to the daemon.

use serde::Serialize;

use super::{Failed, runtime};
use crate::client::Client;
use crate::runtime::{Change, Object, Op};

/// Asks the daemon for a change, unless the command itself is wrong: that is said without a daemon, too.
pub fn change(instance: &str, op: Op, object: Object) -> Result<(), Failed> {
    let change = Change { op, object };
    change.sound()?;
    post(instance, "/v1/changes", &change)
}

/// Asks the daemon to apply its file again.
pub fn reload(instance: &str) -> Result<(), Failed> {
    post(instance, "/v1/reload", &())
}

/// Asks the daemon for something.
pub fn post(instance: &str, path: &str, body: &impl Serialize) -> Result<(), Failed> {
    Ok(runtime()?.block_on(Client::new(instance).post(path, body))?)
}
