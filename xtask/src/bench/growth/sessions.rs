//! More and more sessions, each opened by its first packet.

use std::fs;
use std::net::SocketAddrV4;

use anyhow::{Context as _, Result};

use super::cost;
use super::curve::{self, Sketch};
use super::loader::Loader;
use super::timed::Times;
use super::traffic::{self, FEW, MANY, Traffic};
use crate::bench::generator::Generator;
use crate::bench::nat::place::{CLIENT, HOST_MAC, Place, SERVER};
use crate::bench::path::{self, Consumer, MACS, Path};
use crate::bench::progress::Step;
use crate::bench::report::{Curve, Unit};
use crate::bench::session::Session;
use crate::bench::twin::Firewall;

/// Sizes of a full and of a quick run.
const FULL: &[u32] = &[1, 1000, 100_000, 1_000_000];
const QUICK: &[u32] = &[1, 10_000];
/// L4 ports that the client sends from; each talks to as many of the server's as it takes.
const SOURCES: u32 = 1000;
/// What the kernel's table holds, on the whole machine and for every namespace; only the machine's own
/// namespace may change it.
const CONNTRACK_MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";

/// Measures and prints.
pub fn run(session: &Session<'_>) -> Result<()> {
    let sizes = super::sizes(session, FULL, QUICK);
    session.grow("growth/sessions", |step| measure(session, sizes, step))
}

fn measure(session: &Session<'_>, sizes: &[u32], step: &Step<'_>) -> Result<Vec<Curve>> {
    let kernel = conntrack(sizes)?;
    let make = |label: &str, sizes: &[u32]| -> Result<Vec<Place>> {
        let labels = sizes.iter().map(|size| format!("{label}{size}"));
        labels
            .map(|label| Place::create(session.prefix, &label))
            .collect()
    };
    let (ours, theirs) = (make("n", sizes)?, make("k", kernel)?);
    let mut loaders = ours
        .iter()
        .map(|place| start(session, place))
        .collect::<Result<Vec<_>>>()?;
    theirs.iter().try_for_each(twin)?;
    let mut curves = rates(session, step, [sizes, kernel], [&ours, &theirs])?;
    curves.push(times(session, sizes, &mut loaders)?);
    Ok(curves)
}

/// The sizes that the kernel's table takes.
fn conntrack(sizes: &[u32]) -> Result<&[u32]> {
    let most: u32 = fs::read_to_string(CONNTRACK_MAX)
        .context(CONNTRACK_MAX)?
        .trim()
        .parse()?;
    let fitting = sizes.iter().take_while(|size| **size < most).count();
    if fitting < sizes.len() {
        crate::run::report::say(format_args!(
            "the kernel's conntrack holds {most} flows (nf_conntrack_max, which only the machine's own \
             namespace may change): its line ends there"
        ));
    }
    Ok(&sizes[..fitting])
}

fn start<'lab>(session: &Session<'lab>, place: &'lab Place) -> Result<Loader<'lab>> {
    let text = place.configuration("off").replacen(
        "\n\n",
        "\n\n[nat]\nmax_sessions = 1048576\n[nat.timeouts]\nudp = \"3600s\"\n\n",
        1,
    );
    let mut loader = Loader::new(session.loader, session.prefix, &place.host, &text)?;
    loader.start()?;
    place.know_the_client()?;
    Ok(loader)
}

/// Has the kernel translate, and forget no flow while it is measured.
fn twin(place: &Place) -> Result<()> {
    place.kernel(Firewall::Spared)?;
    place.host.enter(|| {
        for file in [
            "nf_conntrack_udp_timeout",
            "nf_conntrack_udp_timeout_stream",
        ] {
            let file = format!("/proc/sys/net/netfilter/{file}");
            fs::write(&file, "3600").context(file)?;
        }
        Ok(())
    })
}

fn rates(
    session: &Session<'_>,
    step: &Step<'_>,
    sizes: [&[u32]; 2],
    places: [&[Place]; 2],
) -> Result<Vec<Curve>> {
    let rounds = session.rounds;
    let instances: Vec<_> = places[0].iter().map(|place| place.host.name()).collect();
    let ours = opened("netfwd", places[0], sizes[0])?;
    let theirs = opened("nftables", places[1], sizes[1])?;
    let names = ["netfwd, packets of 4,096 of them", "netfwd, of 64 of them"];
    let mut all = among(names, &ours, sizes[0]);
    let names = ["kernel nftables, of 4,096", "kernel nftables, of 64"];
    all.extend(among(names, &theirs, sizes[1]));
    let rates = curve::lines(rounds, step, &all)?;
    let costs = cost::lines(rounds, step, &all[..2 * sizes[0].len()], &instances)?;
    super::keep_memory(session, RATE.id, sizes[0], &instances)?;
    Ok(vec![RATE.of(rates), COST.of(costs)])
}

const RATE: Sketch<'_> = Sketch {
    id: "growth/sessions",
    title: "growth: 64-byte packets of masqueraded sessions",
    size: "sessions",
    unit: Unit::FramesPerSecond,
};
const COST: Sketch<'_> = Sketch {
    id: "growth/sessions-programs",
    title: "growth: time in programs per packet of NAT sessions",
    unit: Unit::Nanoseconds,
    ..RATE
};

/// Paths through hosts that have so many sessions.
fn opened<'lab>(
    name: &'static str,
    places: &'lab [Place],
    sizes: &[u32],
) -> Result<Vec<Path<'lab>>> {
    let open = |(place, size): (&'lab Place, &u32)| {
        let ends = [&place.client, &place.server];
        let path = Path::between(Consumer::Stack, name, ends, MACS)?;
        path.prepare()?;
        let flows = Generator::open(&place.client, "eth0")?;
        traffic::fill(&flows, &place.server, *size, packet)?;
        Ok(path)
    };
    places.iter().zip(sizes).map(open).collect()
}

/// Packets of many of the sessions of each size, and of few.
fn among<'lab>(
    [many, few]: [&'static str; 2],
    paths: &'lab [Path<'lab>],
    sizes: &[u32],
) -> Vec<(u32, Traffic<'lab>)> {
    let spread = |(name, count)| {
        let each = paths.iter().zip(sizes);
        each.map(move |(path, size)| (*size, Traffic::among(name, path, count, *size, packet)))
    };
    [(many, MANY), (few, FEW)]
        .into_iter()
        .flat_map(spread)
        .collect()
}

/// The packet of a session by its number.
fn packet(number: u32) -> Vec<u8> {
    let [source, service] = [number % SOURCES, number / SOURCES].map(|part| 1024 + part as u16);
    let (from, to) = (
        SocketAddrV4::new(CLIENT, source),
        SocketAddrV4::new(SERVER, service),
    );
    path::shortest([HOST_MAC, MACS[0]], from, to)
}

/// The loader's times, with the sessions that were opened: it adopts them when it is started again.
fn times(session: &Session<'_>, sizes: &[u32], loaders: &mut [Loader<'_>]) -> Result<Curve> {
    let mut times = Times::new(session);
    for (size, loader) in sizes.iter().zip(loaders) {
        loader.stop();
        let seconds = loader.start()?;
        times.note("start again", *size, seconds);
        times.repeat("reload, unchanged", *size, || loader.reload())?;
        times.repeat("session show", *size, || loader.list("session show", *size))?;
    }
    Ok(times.curve("growth/sessions-load", "sessions"))
}
