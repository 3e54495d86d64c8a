//! More and more networks, each a VLAN of two trunks.

use std::net::{Ipv4Addr, SocketAddrV4};

use anyhow::Result;

use super::cost;
use super::curve::{self, Sketch};
use super::loader::Loader;
use super::places::{self, Plugged};
use super::timed::Times;
use super::traffic::{self, MANY, Traffic};
use crate::bench::generator::Generator;
use crate::bench::path::{self, Consumer, MACS, Path};
use crate::bench::progress::Step;
use crate::bench::report::{Curve, Unit};
use crate::bench::session::Session;

/// Sizes of a full and of a quick run.
const FULL: &[u32] = &[1, 100, 1000, 4000];
const QUICK: &[u32] = &[1, 500];

/// Measures and prints.
pub fn run(session: &Session<'_>) -> Result<()> {
    let sizes = super::sizes(session, FULL, QUICK);
    session.grow("growth/networks", |step| measure(session, sizes, step))
}

fn measure(session: &Session<'_>, sizes: &[u32], step: &Step<'_>) -> Result<Vec<Curve>> {
    let labels = sizes.iter().map(|size| format!("n{size}"));
    let places = labels
        .map(|label| Plugged::create(session.prefix, &label))
        .collect::<Result<Vec<_>>>()?;
    let (_running, load) = start(session, &places, sizes)?;
    let paths = paths(&places, sizes)?;
    let among = paths.iter().zip(sizes).map(|(path, size)| {
        let name = "netfwd, frames in all of them";
        (*size, Traffic::among(name, path, MANY, *size, to))
    });
    let all: Vec<_> = among.collect();
    let rates = curve::lines(session.rounds, step, &all)?;
    let instances: Vec<_> = places.iter().map(|place| place.host.name()).collect();
    let costs = cost::lines(session.rounds, step, &all, &instances)?;
    super::keep_memory(session, RATE.id, sizes, &instances)?;
    Ok(vec![RATE.of(rates), COST.of(costs), load])
}

const RATE: Sketch<'_> = Sketch {
    id: "growth/networks",
    title: "growth: 64-byte frames between two trunks of many networks",
    size: "networks",
    unit: Unit::FramesPerSecond,
};
const COST: Sketch<'_> = Sketch {
    id: "growth/networks-programs",
    title: "growth: time in programs per frame between two trunks",
    unit: Unit::Nanoseconds,
    ..RATE
};

/// Starts netfwd, which is timed.
fn start<'lab>(
    session: &Session<'lab>,
    places: &'lab [Plugged],
    sizes: &[u32],
) -> Result<(Vec<Loader<'lab>>, Curve)> {
    let mut times = Times::new(session);
    let mut running = Vec::new();
    for (place, size) in places.iter().zip(sizes) {
        let [whole, changed] = [*size, size - 1].map(|last| configuration(place, last));
        let mut loader = Loader::new(session.loader, session.prefix, &place.host, &whole)?;
        times.of(&mut loader, *size, [&whole, &changed], "network")?;
        running.push(loader);
    }
    Ok((running, times.curve("growth/networks-load", "networks")))
}

fn configuration(place: &Plugged, size: u32) -> String {
    let network = |vlan: u32| {
        let ports = ["p1", "p2"].map(|port| places::port(port) + &format!("  trunk = [{vlan}]\n"));
        places::network(&format!("n{vlan}")) + &format!("vlan = {vlan}\n") + &ports.concat()
    };
    let networks: Vec<String> = (1..=size).map(network).collect();
    places::head(&place.host) + &networks.concat()
}

/// Paths whose both ends every network knows.
fn paths<'lab>(places: &'lab [Plugged], sizes: &[u32]) -> Result<Vec<Path<'lab>>> {
    let open = |(place, size): (&'lab Plugged, &u32)| {
        let [sender, receiver] = &place.containers;
        let path = Path::between(Consumer::Stack, "netfwd", [sender, receiver], MACS)?;
        // Each learns where the other one is from the frame that it is sent.
        let back = Generator::open(receiver, "eth0")?;
        traffic::fill(&path.generator, receiver, *size, to)?;
        traffic::fill(&back, sender, *size, |number| {
            tagged([MACS[0], MACS[1]], number)
        })?;
        Ok(path)
    };
    places.iter().zip(sizes).map(open).collect()
}

/// A frame to the receiver in a network.
fn to(number: u32) -> Vec<u8> {
    tagged([MACS[1], MACS[0]], number)
}

/// A frame with the tag of a network.
fn tagged(macs: [[u8; 6]; 2], number: u32) -> Vec<u8> {
    let at = |last| SocketAddrV4::new(Ipv4Addr::new(10, 0, 3, last), 1024);
    let mut frame = path::shortest(macs, at(11), at(12));
    let [high, low] = (number as u16 + 1).to_be_bytes();
    frame.splice(12..12, [0x81, 0x00, high, low]);
    frame
}
