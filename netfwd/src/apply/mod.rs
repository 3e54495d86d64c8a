//! Executes a plan; what was done is undone in reverse when a step fails.

mod entries;
mod flush;
mod inner;
mod inverse;
mod steps;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_flush;

pub use flush::{flush_fdb, flush_neighbours, flush_sessions};

use std::collections::BTreeMap;

use crate::dataplane::{Dataplane, DataplaneError};
use crate::links::{LinkError, Links};
use crate::plan::Action;

/// Why a plan failed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// An interface.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A program or a map.
    #[error(transparent)]
    Dataplane(#[from] DataplaneError),
}

/// Executes a plan, step by step. When a step fails, those before it are undone as far as they can
/// be, the last one first, and the step's error is returned. A step in a container's namespace concerns its
/// port alone: when it fails the others go on, and it is returned why, by the port's interface here.
pub async fn apply(
    dataplane: &mut Dataplane,
    links: &Links,
    actions: &[Action],
) -> Result<BTreeMap<String, String>, ApplyError> {
    let (mut done, mut failed) = (Vec::new(), BTreeMap::new());
    for action in actions {
        let inverse = inverse::of(dataplane, links, action).await;
        match steps::execute(dataplane, links, action).await {
            Ok(()) => done.extend(inverse),
            Err(error) if action.port_alone().is_some() => {
                let port = action.port_alone().map(ToOwned::to_owned);
                failed.extend(port.map(|port| (port, error.to_string())));
            }
            Err(error) => {
                undo(dataplane, links, done).await;
                dataplane.maps_mut().renew()?;
                return Err(error);
            }
        }
    }
    if !actions.is_empty() {
        dataplane.maps_mut().renew()?;
    }
    Ok(failed)
}

async fn undo(dataplane: &mut Dataplane, links: &Links, done: Vec<Action>) {
    for action in done.iter().rev() {
        if let Err(error) = steps::execute(dataplane, links, action).await {
            tracing::warn!("could not undo a step: {error}");
        }
    }
}
