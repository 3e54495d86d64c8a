//! More and more stations: FDB entries, learned from the stations' own frames.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};

use anyhow::Result;

use super::cost;
use super::curve::{self, Sketch};
use super::loader::Loader;
use super::places::{self, Plugged};
use super::timed::Times;
use super::traffic::{self, FEW, MANY, Traffic};
use crate::bench::generator::Generator;
use crate::bench::path::{self, Consumer, MACS, Path};
use crate::bench::progress::Step;
use crate::bench::report::{Curve, Unit};
use crate::bench::session::Session;

/// Sizes of a full and of a quick run.
const FULL: &[u32] = &[10, 1000, 100_000, 1_000_000];
const QUICK: &[u32] = &[10, 10_000];

/// Measures and prints.
pub fn run(session: &Session<'_>) -> Result<()> {
    let sizes = super::sizes(session, FULL, QUICK);
    session.grow("growth/fdb", |step| rates(session, sizes, step))?;
    session.grow("growth/fdb-load", |_| times(session, sizes))
}

fn rates(session: &Session<'_>, sizes: &[u32], step: &Step<'_>) -> Result<Vec<Curve>> {
    let make = |label: &str| -> Result<Vec<Plugged>> {
        let places = sizes.iter();
        let places = places.map(|size| Plugged::create(session.prefix, &format!("{label}{size}")));
        places.collect()
    };
    let (ours, bridges) = (make("n")?, make("k")?);
    let _running = ours
        .iter()
        .map(|place| start(session, place))
        .collect::<Result<Vec<_>>>()?;
    bridges.iter().try_for_each(Plugged::bridge)?;
    let instances: Vec<_> = ours.iter().map(|place| place.host.name()).collect();
    let ours = learned("netfwd", &ours, sizes)?;
    let bridges = learned("kernel bridge", &bridges, sizes)?;
    let names = ["netfwd, frames to 4,096 of them", "netfwd, to 64 of them"];
    let mut all = among(names, &ours, sizes);
    let names = ["kernel bridge, to 4,096", "kernel bridge, to 64"];
    all.extend(among(names, &bridges, sizes));
    let rates = curve::lines(session.rounds, step, &all)?;
    let costs = cost::lines(session.rounds, step, &all[..2 * sizes.len()], &instances)?;
    super::keep_memory(session, RATE.id, sizes, &instances)?;
    Ok(vec![RATE.of(rates), COST.of(costs)])
}

const RATE: Sketch<'_> = Sketch {
    id: "growth/fdb",
    title: "growth: 64-byte frames to stations of an FDB",
    size: "FDB entries",
    unit: Unit::FramesPerSecond,
};
const COST: Sketch<'_> = Sketch {
    id: "growth/fdb-programs",
    title: "growth: time in programs per frame to stations of an FDB",
    unit: Unit::Nanoseconds,
    ..RATE
};

fn start<'lab>(session: &Session<'lab>, place: &'lab Plugged) -> Result<Loader<'lab>> {
    let text = switch(place);
    let mut loader = Loader::new(session.loader, session.prefix, &place.host, &text)?;
    loader.start()?;
    Ok(loader)
}

fn switch(place: &Plugged) -> String {
    let ports: String = ["p1", "p2"].map(places::port).concat();
    places::head(&place.host) + &places::network("blue") + &ports
}

/// Paths through switches that have learned so many stations behind the second container.
fn learned<'lab>(
    name: &'static str,
    places: &'lab [Plugged],
    sizes: &[u32],
) -> Result<Vec<Path<'lab>>> {
    let fill = |(place, size): (&'lab Plugged, &u32)| {
        let [sender, receiver] = &place.containers;
        let path = Path::between(Consumer::Stack, name, [sender, receiver], MACS)?;
        path.prepare()?;
        let stations = Generator::open(receiver, "eth0")?;
        traffic::fill(&stations, sender, *size, |number| {
            frame(MACS[0], station(number))
        })?;
        Ok(path)
    };
    places.iter().zip(sizes).map(fill).collect()
}

/// Frames to many of the stations of each size, and to few.
fn among<'lab>(
    [many, few]: [&'static str; 2],
    paths: &'lab [Path<'lab>],
    sizes: &[u32],
) -> Vec<(u32, Traffic<'lab>)> {
    let spread = |name, count| {
        let each = paths.iter().zip(sizes).map(move |(path, size)| {
            let to = |number| frame(station(number), MACS[0]);
            (*size, Traffic::among(name, path, count, *size, to))
        });
        each.collect::<Vec<_>>()
    };
    [spread(many, MANY), spread(few, FEW)]
        .into_iter()
        .flatten()
        .collect()
}

/// The MAC of a station by its number.
fn station(number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [0x02, 0x10, a, b, c, d]
}

fn frame(dst: [u8; 6], src: [u8; 6]) -> Vec<u8> {
    let at = |last| SocketAddrV4::new(Ipv4Addr::new(10, 0, 3, last), 1024);
    path::shortest([dst, src], at(11), at(12))
}

/// The loader's times, with static entries from the configuration.
fn times(session: &Session<'_>, sizes: &[u32]) -> Result<Vec<Curve>> {
    let mut times = Times::new(session);
    for size in sizes {
        let place = Plugged::create(session.prefix, &format!("t{size}"))?;
        let text = |from, to| switch(&place) + &entries(from..to);
        let [whole, changed] = [text(0, *size), text(1, *size + 1)];
        let mut loader = Loader::new(session.loader, session.prefix, &place.host, &whole)?;
        times.of(&mut loader, *size, [&whole, &changed], "fdb")?;
    }
    Ok(vec![times.curve("growth/fdb-load", "static FDB entries")])
}

fn entries(numbers: std::ops::Range<u32>) -> String {
    let mut text = String::new();
    for number in numbers {
        let mac = path::text(station(number));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  [[network.fdb]]\n  mac = \"{mac}\"\n  port = \"p2\""
        );
    }
    text
}
