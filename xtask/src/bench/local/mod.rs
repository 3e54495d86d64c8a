//! Two containers on one host: netfwd, the kernel's bridge, and a plain wire between them.

mod hosts;
mod variants;

use anyhow::Result;

use super::frames::Lengths;
use super::load::{self, Ends, Ways};
use super::measure::Measured;
use super::path::{ADDRESSES, Consumer, Path, TALK};
use super::report::Unit;
use super::session::{Heading, Session};
use super::subject::Subject;
use super::twin::{BY_DEFAULT, Firewall};
use crate::run::netns::Netns;
use hosts::{Plugged, wire};
use variants::{VARIANTS, Variant};

/// What the others are compared with.
const BRIDGE: &str = "kernel bridge";
/// What none can be faster than.
const WIRE: &str = "one veth pair";
/// The most octets of an IP packet.
const MTU: usize = 1500;

/// Its steps, in their order.
pub const PLAN: &[&str] = &[
    "local/latency-one-core-p50",
    "local/latency-busy-poll-p50",
    "local/udp",
    "local/udp-segment",
    "local/tcp-1-one-core",
    "local/tcp-4-one-core",
    "local/tcp-1",
    "local/tcp-4",
    "local/connections",
    "local/requests",
    "local/packets-imix",
    "local/packets-64",
];

/// Measures and prints.
pub fn run(session: &Session<'_>) -> Result<()> {
    let Session { loader, prefix, .. } = *session;
    let bare = Plugged::create(prefix, "n")?;
    let bridges = [("b", Firewall::Spared), ("d", Firewall::Asked)]
        .map(|(label, firewall)| hosts::bridge(prefix, label, firewall));
    let [bridge, by_default] = bridges;
    let (bridge, by_default, wire) = (bridge?, by_default?, wire(prefix)?);
    let _running = Variant::BARE.start(loader, prefix, &bare.host)?;
    let named = [
        (bare.subject("netfwd"), &bare.containers),
        (bridge.subject(BRIDGE), &bridge.containers),
        (Subject::new(WIRE, &[]), &wire),
        (by_default.subject(BY_DEFAULT), &by_default.containers),
    ];
    load::run(session, &ways(&named))?;
    packets(session, &named)
}

/// A name, and the containers that it stands for.
type Named<'lab> = (Subject, &'lab [Netns; 2]);

fn ways<'lab>(named: &[Named<'lab>]) -> Ways<'lab> {
    let ends = named.iter().map(|(subject, [from, to])| Ends {
        subject: subject.clone(),
        from,
        to,
        loads: "",
        forget: None,
    });
    Ways {
        case: "local",
        reference: BRIDGE,
        address: ADDRESSES[1],
        mtu: MTU,
        ends: ends.collect(),
    }
}

fn packets(session: &Session<'_>, named: &[Named<'_>]) -> Result<()> {
    let Session { loader, prefix, .. } = *session;
    let mixed = Heading {
        id: "local/packets-imix",
        title: "local: frames of 64, 594 and 1518 octets, 7:4:1",
        unit: Unit::FramesPerSecond,
        reference: BRIDGE,
    };
    compare(session, mixed, named, Lengths::Mixed { mtu: MTU })?;
    let shortest = Heading {
        id: "local/packets-64",
        title: "local: 64-byte frames between two containers of one host",
        ..mixed
    };
    if !session.wants(shortest.id) {
        return Ok(());
    }
    // Starting the four takes longer than all that a quick run measures of them.
    let variants = if session.quick { &[] } else { VARIANTS };
    let hosts = variants
        .iter()
        .map(|variant| Plugged::create(prefix, variant.label))
        .collect::<Result<Vec<_>>>()?;
    let starting = variants.iter().zip(&hosts);
    let _running = starting
        .map(|(variant, plugged)| variant.start(loader, prefix, &plugged.host))
        .collect::<Result<Vec<_>>>()?;
    let variants = variants.iter().zip(&hosts);
    let variants =
        variants.map(|(variant, plugged)| (plugged.subject(variant.name), &plugged.containers));
    let all: Vec<Named<'_>> = named.iter().cloned().chain(variants).collect();
    compare(session, shortest, &all, Lengths::Shortest)
}

fn compare<'lab>(
    session: &Session<'_>,
    heading: Heading<'_>,
    named: &[Named<'lab>],
    lengths: Lengths,
) -> Result<()> {
    let open = |(subject, [from, to]): &Named<'lab>| {
        Path::open(
            Consumer::Stack,
            subject.clone(),
            [from, to],
            (TALK, lengths),
        )
    };
    let paths = named.iter().map(open).collect::<Result<Vec<_>>>()?;
    let measured: Vec<&dyn Measured> = paths.iter().map(|path| path as _).collect();
    session.compare([heading], &measured)
}
