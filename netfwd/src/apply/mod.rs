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
/// be, the last one first, and the step's error is returned.
pub async fn apply(
    dataplane: &mut Dataplane,
    links: &Links,
    actions: &[Action],
) -> Result<(), ApplyError> {
    let mut done: Vec<Action> = Vec::new();
    for action in actions {
        let inverse = inverse::of(dataplane, links, action).await;
        match steps::execute(dataplane, links, action).await {
            Ok(()) => done.extend(inverse),
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
    Ok(())
}

async fn undo(dataplane: &mut Dataplane, links: &Links, done: Vec<Action>) {
    for action in done.iter().rev() {
        if let Err(error) = steps::execute(dataplane, links, action).await {
            tracing::warn!("could not undo a step: {error}");
        }
    }
}
