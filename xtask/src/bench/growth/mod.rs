//! What becomes of speed, and of the loader's own times, as tables grow.
//!
//! Every size stands in namespaces of its own at the same time, and sizes are measured in turns, as
//! subjects are elsewhere: a curve is bent by nothing but its size.

mod cost;
mod curve;
mod flood;
mod loader;
mod networks;
mod peers;
mod places;
mod sessions;
mod stations;
mod timed;
mod traffic;

use std::time::Duration;

use anyhow::Result;

use super::measure::Rounds;
use super::session::Session;
use crate::run::traces;

/// How often each point is measured; there are dozens.
const ROUNDS: Rounds = Rounds {
    count: 5,
    each: Duration::from_millis(125),
};
/// The same in a quick run.
const QUICK: Rounds = Rounds {
    count: 3,
    each: Duration::from_millis(60),
};

/// Its steps.
pub const PLAN: &[&str] = &[
    "growth/fdb",
    "growth/fdb-load",
    "growth/sessions",
    "growth/peers",
    "growth/networks",
    "growth/flood",
];

/// Measures and prints.
pub fn run(session: &Session<'_>) -> Result<()> {
    part(session, "f", stations::run)?;
    part(session, "s", sessions::run)?;
    part(session, "p", peers::run)?;
    part(session, "n", networks::run)?;
    part(session, "b", flood::run)
}

/// Does one subject, and removes what it made: the next one needs the memory.
fn part(
    session: &Session<'_>,
    label: &str,
    work: impl FnOnce(&Session<'_>) -> Result<()>,
) -> Result<()> {
    let prefix = format!("{}{label}", session.prefix);
    let rounds = if session.quick { QUICK } else { ROUNDS };
    places::make_folder(&prefix)?;
    let done = work(&Session {
        prefix: &prefix,
        rounds,
        ..*session
    });
    traces::remove(session.loader, &prefix);
    done
}

/// The sizes of a full or of a quick run.
fn sizes(session: &Session<'_>, full: &'static [u32], quick: &'static [u32]) -> &'static [u32] {
    if session.quick { quick } else { full }
}

/// Keeps what the daemons and maps of instances hold, each at its size.
fn keep_memory(session: &Session<'_>, id: &str, sizes: &[u32], instances: &[&str]) -> Result<()> {
    let mut both = sizes.iter().zip(instances);
    both.try_for_each(|(size, instance)| session.keep_memory(&format!("{id} {size}"), instance))
}
