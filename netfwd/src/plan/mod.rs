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
//! apply::apply(&mut Dataplane, &Links, &[Action]) -> Result<(), ApplyError> (async; undone in reverse on failure)
//! cleanup::cleanup(instance: &str) -> Result<Vec<String>, impl Display>     (async; what was removed)
//! check::check(&Config) -> Result<Vec<Finding>, impl Display>               (async; Finding: Serialize, is_error())
//! ageing::Ageing::new(&Timeouts), .tick(&mut self, &mut Dataplane) -> Result<(), impl Display>
//! show::{networks, ports, peers, fdb, publishes, stats, status}(instance: &str)
//!     -> Result<Vec<Row>, impl Display>                                     (blocking; Row: Serialize)
//! show::sessions(instance: &str, &SessionFilter) -> Result<Vec<Row>, impl Display>
//! ```

mod action;
mod devices;
mod maps;

use netfwd_common::maps::{MemberKey, Port};

use crate::desired::{Desired, fdb_flags};
use crate::observed::{Attached, HookAt, Mode, Observed};

pub use action::{Action, Entry, EntryKey, FdbFilter, NeighbourFilter, PairPeer, SessionFilter};

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
    actions.extend(maps::delete(desired, observed));
    actions.extend(flush(desired, observed));
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

fn attach(desired: &Desired, observed: &Observed) -> Vec<Action> {
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

/// Forgets what was learned behind ports and peers that are gone or changed, and the sessions of
/// networks whose translation changed.
fn flush(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let (wanted, known) = (&desired.maps, &observed.maps);
    let gone: Vec<u32> = known
        .networks
        .keys()
        .copied()
        .filter(|id| !wanted.networks.contains_key(id))
        .collect();
    let mut actions: Vec<Action> = gone.iter().map(|id| flush_network(*id)).collect();
    for (ifindex, port) in &known.ports {
        let same = wanted
            .ports
            .get(ifindex)
            .is_some_and(|new| same_station(port, new));
        if !same && !gone.contains(&port.network) {
            actions.push(flush_port(port.network, *ifindex));
        }
    }
    for (key, member) in &known.members {
        let same = wanted
            .members
            .get(key)
            .is_some_and(|new| new.slot == member.slot);
        if !same && !gone.contains(&key.network) {
            actions.push(flush_peer(*key));
        }
    }
    actions.extend(sessions(desired, observed, &gone));
    actions
}

/// Whether what was learned behind a port still holds: FDB entries repeat this of their port.
fn same_station(old: &Port, new: &Port) -> bool {
    (old.network, old.slot, old.deliver) == (new.network, new.slot, new.deliver)
        && fdb_flags(old.flags) == fdb_flags(new.flags)
}

fn flush_network(network: u32) -> Action {
    Action::FlushFdb(FdbFilter {
        network: Some(network),
        ..FdbFilter::default()
    })
}

fn flush_port(network: u32, ifindex: u32) -> Action {
    Action::FlushFdb(FdbFilter {
        network: Some(network),
        ifindex: Some(ifindex),
        ..FdbFilter::default()
    })
}

fn flush_peer(key: MemberKey) -> Action {
    Action::FlushFdb(FdbFilter {
        network: Some(key.network),
        peer: Some(key.peer),
        ..FdbFilter::default()
    })
}

fn sessions(desired: &Desired, observed: &Observed, gone: &[u32]) -> Vec<Action> {
    let mut networks = gone.to_vec();
    for (prefix, subnet) in &observed.maps.subnets {
        let same = desired.maps.subnets.get(prefix) == Some(subnet);
        if !same && !networks.contains(&subnet.network) {
            networks.push(subnet.network);
        }
    }
    let flush = |network: u32| {
        Action::FlushSessions(SessionFilter {
            network: Some(network),
            ..SessionFilter::default()
        })
    };
    networks.into_iter().map(flush).collect()
}

#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;
