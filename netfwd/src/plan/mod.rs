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
//! links::Links::open(instance: &str), links::Links::watch()
//! observe::links(&Links) -> Result<BTreeMap<String, Link>, ObserveError>    (async, cheap: each second)
//! observe::observe(&Dataplane, &Links, pairs: &BTreeMap<String, Inner>)
//!     -> Result<Observed, ObserveError>                                     (async)
//!     pairs: the inner ends to look at, by the name of the end here; one that is gone is left out
//! apply::apply(&mut Dataplane, &Links, &[Action]) -> Result<BTreeMap<String, String>, ApplyError>
//!     (async; undone in reverse on failure; given are the ports that failed alone, and why)
//! cleanup::cleanup(instance: &str, State) -> Result<Vec<String>, impl Display>     (async; what was removed)
//! check::check(&Config, instance: &str) -> Result<Vec<Finding>, impl Display> (async; Finding: Serialize, is_error())
//! ageing::Ageing::new(&Timeouts), .tick(&mut self, &mut Dataplane) -> Result<Vec<Aged>, impl Display>
//! show::{networks, ports, peers, fdb, publishes, stats, status}(instance: &str)
//!     -> Result<Vec<Row>, impl Display>                                     (blocking; Row: Serialize)
//! show::sessions(instance: &str, &SessionFilter) -> Result<Vec<Row>, impl Display>
//! ```

mod action;
mod devices;
mod filter;
mod flush;
mod gone;
mod maps;
mod unwanted;

use crate::desired::Desired;
use crate::observed::{Attached, HookAt, Mode, Observed};

pub use action::{Action, Entry, EntryKey, FdbFilter, NeighbourFilter, PairPeer};
pub use filter::{End, SessionFilter};
pub use gone::{Gone, Pairing, Sources, Targets};

/// The steps from what is to what should be; none where nothing differs.
///
/// In order: devices are made (alone, see above), then set up, counters of reused slots zeroed, map
/// entries written, programs attached; what is not wanted goes in reverse: programs, entries,
/// devices. So no program ever runs without its entries.
pub fn plan(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let created = devices::create(desired, observed);
    if !created.is_empty() {
        return created;
    }
    let mut actions = devices::set_up(desired, observed);
    actions.extend(desired.zero.iter().copied().map(Action::ZeroSlot));
    actions.extend(maps::put(desired, observed));
    actions.extend(neighbours(desired, observed));
    actions.extend(attach(desired, observed));
    actions.extend(detach(desired, observed));
    actions.extend(unwanted::delete(desired, observed));
    actions.extend(flush::flush(desired, observed));
    actions.extend(devices::delete(desired, observed));
    actions
}

fn neighbours(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let (wanted, known) = (&desired.neighbours, &observed.neighbours);
    // Removals first: an entry with another MAC has the same address.
    let removed = known
        .difference(wanted)
        .cloned()
        .map(Action::RemoveNeighbour);
    let added = wanted.difference(known).cloned().map(Action::AddNeighbour);
    removed.chain(added).collect()
}

/// Attaches what is not attached as it should be; of `observed` it takes links and hooks alone.
pub fn attach(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let mut actions = Vec::new();
    for (at, attach) in &desired.hooks {
        let Some(link) = observed.links.get(&at.interface) else {
            continue;
        };
        let known = observed.hooks.get(at);
        let refused = !attach.required && observed.refused.contains(at);
        let in_force = known.is_some_and(|known| {
            known.current && known.ifindex == link.ifindex && known.program == attach.program
        });
        let mode_differs = known.is_some_and(|known| other_mode(*known, attach.generic));
        // A filter stays on its interface when that is renamed, and with it the qdisc.
        let mode_differs = mode_differs
            || known.is_some_and(|k| k.mode == Mode::Clsact && k.ifindex != link.ifindex);
        if refused || (in_force && !mode_differs) {
            continue;
        }
        if mode_differs {
            actions.push(Action::Detach { at: at.clone() });
        }
        actions.push(Action::Attach {
            at: at.clone(),
            ifindex: link.ifindex,
            attach: *attach,
        });
    }
    actions
}

/// Whether XDP runs in the driver where it should run in the stack, or the other way round.
fn other_mode(known: Attached, generic: bool) -> bool {
    match known.mode {
        Mode::XdpNative => generic,
        Mode::XdpGeneric => !generic,
        Mode::Tcx | Mode::Clsact => false,
    }
}

fn detach(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let gone = |at: &&HookAt| !desired.hooks.contains_key(*at);
    let detached = observed.hooks.keys().filter(gone);
    detached
        .map(|at| Action::Detach { at: at.clone() })
        .collect()
}

#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;
