//! `[metrics]`: the figures of an instance over HTTP, as OpenMetrics text.
//!
//! A scrape reads the pinned maps as `stats` does, on a thread of its own and without the daemon's lock; what only the
//! daemon knows it leaves in [`Vitals`], once a second.

mod exporter;
mod exposition;
mod families;
mod listening;
mod server;
mod vitals;

#[cfg(test)]
mod tests;

pub use exporter::{Bound, Exporter, ListenError, probe};
pub use vitals::Vitals;
