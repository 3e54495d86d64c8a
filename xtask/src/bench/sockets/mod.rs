//! An experiment: TCP between containers of one host, led from socket to socket past the network.
//!
//! It measures what that gains, and shows what processes and operators lose by it. netfwd does not do it;
//! `docs/benchmarks/sockets.md` says why.

mod cgroup;
mod connection;
mod ends;
mod loads;
mod maps;
mod place;
mod probes;
mod programs;

use std::fs;

use anyhow::{Context as _, Result};

use super::measure::Measured;
use super::report::Unit;
use super::session::{Heading, Session};
use crate::run::traces;
use cgroup::Cgroup;
use ends::Cpus;
use loads::{Bulk, Handshakes, RoundTrips};
use place::{Between, Lab, Place};

/// The ids of what it does, in their order.
pub const PLAN: &[&str] = &[
    SEMANTICS,
    "sockets/tcp-1",
    "sockets/tcp-4",
    "sockets/latency-one-core-p50",
    "sockets/latency-two-cores-p50",
    "sockets/connections",
];
const SEMANTICS: &str = "sockets/semantics";
/// What the others are compared with: nothing that goes through devices is faster.
const WIRE: &str = "one veth pair";

/// Measures, and asks.
pub fn run(session: &Session<'_>) -> Result<()> {
    let (loader, prefix) = (session.loader, session.prefix);
    let folder = traces::folder(prefix);
    fs::create_dir(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let group = Cgroup::enter(&format!("{prefix}sockets"))?;
    let lab = |between| Lab::create(prefix, between);
    let (wire, bridge) = (lab(Between::Wire)?, lab(Between::Bridge)?);
    let plugged = lab(Between::Netfwd)?;
    let netfwd = plugged.netfwd(loader, prefix)?;
    let place = |name, lab, shortcut: bool, netfwd| Place {
        name,
        lab,
        group: shortcut.then_some(&group),
        netfwd,
    };
    let places = [
        place(WIRE, &wire, false, None),
        place("one veth pair, shortcut", &wire, true, None),
        place("kernel bridge", &bridge, false, None),
        place("netfwd", &plugged, false, Some(&netfwd)),
        place("netfwd, shortcut", &plugged, true, Some(&netfwd)),
    ];
    places.iter().try_for_each(Place::is_seen)?;
    ask(session, &places)?;
    measure(session, &places)
}

fn ask(session: &Session<'_>, places: &[Place<'_>; 5]) -> Result<()> {
    if !session.wants(SEMANTICS) {
        return Ok(());
    }
    let _step = session.run.progress.begin(SEMANTICS)?;
    let [plain, shortcut, _, ours, ours_shortcut] = places;
    probes::ask([plain, shortcut], [ours, ours_shortcut])
}

fn measure(session: &Session<'_>, places: &[Place<'_>]) -> Result<()> {
    for streams in [1, 4] {
        bulk(session, places, streams)?;
    }
    for cpus in [Cpus::One, Cpus::Two] {
        round_trips(session, places, cpus)?;
    }
    let all = places.iter().map(|place| Handshakes { place });
    let all: Vec<_> = all.collect();
    let title = "sockets: a connection, 64 octets over it, and its reset";
    let heading = heading("sockets/connections", title, Unit::ConnectionsPerSecond);
    session.compare([heading], &as_measured(&all))
}

fn bulk(session: &Session<'_>, places: &[Place<'_>], streams: usize) -> Result<()> {
    let all = places.iter().map(|place| Bulk { place, streams });
    let all: Vec<_> = all.collect();
    let id = format!("sockets/tcp-{streams}");
    let title = format!("sockets: TCP connections at full speed: {streams}");
    let (cpu_id, cpu_title) = (format!("{id}-cpu"), format!("{title}, by CPU time"));
    let headings = [
        heading(&id, &title, Unit::MegabitsPerSecond),
        heading(&cpu_id, &cpu_title, Unit::MegabitsPerCpuSecond),
    ];
    session.compare(headings, &as_measured(&all))
}

fn round_trips(session: &Session<'_>, places: &[Place<'_>], cpus: Cpus) -> Result<()> {
    let all = places.iter().map(|place| RoundTrips { place, cpus });
    let all: Vec<_> = all.collect();
    let (id, words) = match cpus {
        Cpus::One => ("one-core", "both ends on one CPU"),
        Cpus::Two => ("two-cores", "a CPU for each end"),
    };
    let ids = ["p50", "p99"].map(|rank| format!("sockets/latency-{id}-{rank}"));
    let titles =
        ["p50", "p99"].map(|rank| format!("sockets: round trip of 64 octets, {words}, {rank}"));
    let headings = [0, 1].map(|rank| heading(&ids[rank], &titles[rank], Unit::Microseconds));
    session.compare(headings, &as_measured(&all))
}

fn heading<'words>(id: &'words str, title: &'words str, unit: Unit) -> Heading<'words> {
    Heading {
        id,
        title,
        unit,
        reference: WIRE,
    }
}

fn as_measured<const VALUES: usize>(all: &[impl Measured<VALUES>]) -> Vec<&dyn Measured<VALUES>> {
    all.iter().map(|one| one as _).collect()
}
