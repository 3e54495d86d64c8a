//! The difference between what should be and what is, as a list of [`Action`]s.
//!
//! A plan is made in rounds, because maps and hooks need the ifindex of devices that do not exist
//! yet: while a device is missing, the plan makes it and nothing else; the caller applies it,
//! observes again and plans again, until a plan is empty.
//!
//! # What the rest of the loader provides around it
//!
//! ```text
//! dataplane::Dataplane::open(instance: &str, options: &LoadOptions) -> Result<Dataplane, DataplaneError>
//! links::Links::open(instance: &str) -> Result<Links, LinkError>            (netlink handle)
//! links::Links::watch() -> Result<impl Stream<Item = ()>, LinkError>        (links, addresses changed)
//! observe::links(&Links) -> Result<BTreeMap<String, Link>, LinkError>       (cheap; the 1 s poll)
//! observe::observe(&Dataplane, &Links, pairs: &BTreeMap<String, Inner>) -> Result<Observed, …>
//!     pairs: the inner ends to look at, by the name of the end here; one that is gone is left out
//! apply::apply(&mut Dataplane, &Links, &[Action]) -> Result<(), ApplyError> (undone in reverse on failure)
//! cleanup::cleanup(instance: &str) -> Result<Vec<String>, …>                (what was removed)
//! check::check(&Config) -> Vec<Finding>
//! ageing::Ageing::new(&Config), .tick(&mut Dataplane) -> Result<…>          (once a second)
//! show::{networks, ports, peers, fdb, sessions, publishes, stats, status}   (read pinned maps; serde rows)
//! ```

mod action;

pub use action::{Action, Entry, EntryKey, FdbFilter, PairPeer, SessionFilter};
