//! More and more peers.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};

use anyhow::Result;

use super::curve::{self, Sketch};
use super::loader::Loader;
use super::timed::Times;
use super::traffic::{MANY, Traffic};
use super::{cost, places};
use crate::bench::path::{self, Consumer, MACS, Path};
use crate::bench::progress::Step;
use crate::bench::report::{Curve, Unit};
use crate::bench::session::Session;
use crate::run::netns::Netns;

/// Sizes of a full and of a quick run.
const FULL: &[u32] = &[1, 100, 1000, 10_000];
const QUICK: &[u32] = &[1, 1000];
/// Peers that one network has; the rest are of other networks. A flood list takes no more than 4,096.
const OF_ONE: u32 = 4000;
/// The host's interface to the peers, and its address.
const UPLINK: &str = "up0";
const VTEP: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 1);
/// The router behind which the peers are.
const ROUTER: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 2);

/// Measures and prints.
pub fn run(session: &Session<'_>) -> Result<()> {
    let sizes = super::sizes(session, FULL, QUICK);
    session.grow("growth/peers", |step| measure(session, sizes, step))
}

fn measure(session: &Session<'_>, sizes: &[u32], step: &Step<'_>) -> Result<Vec<Curve>> {
    let make = |label: &str| -> Result<Vec<Site>> {
        let labels = sizes.iter().map(|size| format!("{label}{size}"));
        labels
            .map(|label| Site::create(session.prefix, &label))
            .collect()
    };
    let (ours, theirs) = (make("n")?, make("k")?);
    let (_running, load) = start(session, &ours, sizes)?;
    for (site, size) in theirs.iter().zip(sizes) {
        site.kernel(*size)?;
    }
    let mut curves = rates(session, step, sizes, [&ours, &theirs])?;
    curves.push(load);
    Ok(curves)
}

/// Starts netfwd, which is timed.
fn start<'lab>(
    session: &Session<'lab>,
    all: &'lab [Site],
    sizes: &[u32],
) -> Result<(Vec<Loader<'lab>>, Curve)> {
    let mut times = Times::new(session);
    let mut running = Vec::new();
    for (site, size) in all.iter().zip(sizes) {
        let [whole, changed] = [0, 1].map(|first| site.configuration(first..first + size));
        let mut loader = Loader::new(session.loader, session.prefix, &site.host, &whole)?;
        times.of(&mut loader, *size, [&whole, &changed], "peer")?;
        running.push(loader);
    }
    Ok((running, times.curve("growth/peers-load", "peers")))
}

fn rates(
    session: &Session<'_>,
    step: &Step<'_>,
    sizes: &[u32],
    [ours, theirs]: [&[Site]; 2],
) -> Result<Vec<Curve>> {
    let rounds = session.rounds;
    let instances: Vec<_> = ours.iter().map(|site| site.host.name()).collect();
    let ours = paths("netfwd", ours)?;
    let theirs = paths("kernel", theirs)?;
    let mut all = among("netfwd, frames to 4,000 of them", &ours, sizes);
    all.extend(among("kernel bridge + vxlan", &theirs, sizes));
    let rates = curve::lines(rounds, step, &all)?;
    let costs = cost::lines(rounds, step, &all[..sizes.len()], &instances)?;
    super::keep_memory(session, RATE.id, sizes, &instances)?;
    Ok(vec![RATE.of(rates), COST.of(costs)])
}

const RATE: Sketch<'_> = Sketch {
    id: "growth/peers",
    title: "growth: 64-byte frames to stations, each behind a peer of its own",
    size: "peers",
    unit: Unit::FramesPerSecond,
};
const COST: Sketch<'_> = Sketch {
    id: "growth/peers-programs",
    title: "growth: time in programs per frame to stations behind peers",
    unit: Unit::Nanoseconds,
    ..RATE
};

fn paths<'lab>(name: &'static str, sites: &'lab [Site]) -> Result<Vec<Path<'lab>>> {
    let open = |site: &'lab Site| {
        let ends = [&site.container, &site.peers];
        Path::between(Consumer::Stack, name, ends, [MACS[0], MACS[1]])
    };
    sites.iter().map(open).collect()
}

fn among<'lab>(
    name: &'static str,
    paths: &'lab [Path<'lab>],
    sizes: &[u32],
) -> Vec<(u32, Traffic<'lab>)> {
    let each = paths.iter().zip(sizes);
    each.map(|(path, size)| {
        let known = (*size).min(OF_ONE);
        (*size, Traffic::among(name, path, MANY, known, frame))
    })
    .collect()
}

/// A frame to the station behind a peer.
fn frame(number: u32) -> Vec<u8> {
    let at = |last| SocketAddrV4::new(Ipv4Addr::new(10, 0, 3, last), 1024);
    path::shortest([station(number), MACS[0]], at(11), at(12))
}

fn station(number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [0x02, 0x20, a, b, c, d]
}

fn peer(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0xac14_0001 + number)
}

/// A host with a container, and everything behind its uplink.
struct Site {
    host: Netns,
    container: Netns,
    peers: Netns,
}

impl Site {
    fn create(prefix: &str, label: &str) -> Result<Self> {
        let netns = |name: &str| places::quiet(format!("{prefix}{label}{name}"));
        let site = Self {
            host: netns("h")?,
            container: netns("c")?,
            peers: netns("p")?,
        };
        places::plug(&site.host, "p1", &site.container)?;
        places::plug(&site.host, UPLINK, &site.peers)?;
        let router = path::text(MACS[1]);
        for words in [
            format!("address add {VTEP}/24 dev {UPLINK}"),
            format!("route add 172.20.0.0/16 via {ROUTER}"),
            format!("neighbour add {ROUTER} lladdr {router} dev {UPLINK} nud permanent"),
        ] {
            site.host.ip(&words)?;
        }
        Ok(site)
    }

    /// netfwd's configuration with these peers, the first of them with a station each.
    fn configuration(&self, peers: std::ops::Range<u32>) -> String {
        let mut text = places::head(&self.host);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "uplinks = [\"{UPLINK}\"]\nvtep = \"{VTEP}\"");
        let numbers: Vec<u32> = peers.collect();
        for (network, of_it) in numbers.chunks(OF_ONE as usize).enumerate() {
            let listed: Vec<_> = of_it.iter().map(|n| format!("\"{}\"", peer(*n))).collect();
            text += &places::network(&format!("n{network}"));
            let (vni, listed) = (200 + network, listed.join(", "));
            let _ = writeln!(text, "vni = {vni}\npeers = [{listed}]");
            if network == 0 {
                text += &places::port("p1");
                for number in of_it {
                    text += &behind(*number);
                }
            }
        }
        text
    }

    /// The same by the kernel's bridge and vxlan; that has one list of peers, whatever their number.
    fn kernel(&self, size: u32) -> Result<()> {
        self.host.ip(&format!(
            "link add vx0 type vxlan id 200 local {VTEP} dstport 4789 dev {UPLINK} noudpcsum \
             nolearning"
        ))?;
        self.host.ip("link set vx0 up")?;
        places::bridge(&self.host, &["p1", "vx0"].map(str::to_owned))?;
        let mut lines = String::new();
        for number in 0..size {
            let (mac, peer) = (path::text(station(number)), peer(number));
            // The vxlan device's table, and the bridge's.
            writeln!(lines, "fdb add {mac} dev vx0 dst {peer} self")?;
            writeln!(lines, "fdb add {mac} dev vx0 master static")?;
        }
        places::batch(&self.host, "bridge", &lines)
    }
}

fn behind(number: u32) -> String {
    let (mac, peer) = (path::text(station(number)), peer(number));
    format!("  [[network.fdb]]\n  mac = \"{mac}\"\n  peer = \"{peer}\"\n")
}
