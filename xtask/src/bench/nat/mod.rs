//! A container and a server outside, with a host between them that translates: netfwd, and the kernel's
//! bridge, forwarding and nftables.

mod nic;
mod offered;
mod packets;
pub mod place;

use anyhow::Result;

use super::load::{self, Ends, Ways};
use super::session::Session;
use super::subject::Subject;
use super::twin::{BY_DEFAULT, Firewall};
use place::{Place, SERVER};

/// What the others are compared with.
const KERNEL: &str = "kernel bridge + nftables";
/// What none can be faster than.
const REDIRECTS: &str = "redirects alone, no NAT";
/// The same with what no translation with sessions in BPF maps can go without.
const TABLES: &str = "redirects, a session's elements, headers written, no NAT";
/// The most octets of an IP packet.
const MTU: usize = 1500;

/// A name, and the place that it stands for.
type Named<'lab> = (&'static str, &'lab Place);

/// Its steps, in their order.
pub const PLAN: &[&str] = &[
    "nat/latency-one-core-p50",
    "nat/latency-busy-poll-p50",
    "nat/udp",
    "nat/udp-segment",
    "nat/tcp-1-one-core",
    "nat/tcp-4-one-core",
    "nat/tcp-1",
    "nat/tcp-4",
    "nat/connections",
    "nat/requests",
    "nat/connections-offered",
    "nat/packets-64-out",
    "nat/packets-imix-out",
    "nat/packets-64-in",
    "nat/live-stack",
    "nat/live-xdp",
];

/// Measures and prints.
pub fn run(session: &Session<'_>) -> Result<()> {
    loads(session)?;
    nic::run(session)
}

fn loads(session: &Session<'_>) -> Result<()> {
    let Session { loader, prefix, .. } = *session;
    let labels = ["n", "k", "w", "t", "d"];
    let [ours, kernel, wires, tables, by_default] =
        labels.map(|label| Place::create(prefix, label));
    let (ours, kernel, wires, tables, by_default) = (ours?, kernel?, wires?, tables?, by_default?);
    let _running = ours.netfwd(loader, prefix, "off")?;
    let _redirects = (wires.redirects()?, tables.tables()?);
    kernel.kernel(Firewall::Spared)?;
    by_default.kernel(Firewall::Asked)?;
    let named = [
        ("netfwd", &ours),
        (KERNEL, &kernel),
        (REDIRECTS, &wires),
        (BY_DEFAULT, &by_default),
    ];
    let mut ways = ways(session, &named);
    ways.ends.push(Ends {
        loads: "connections",
        ..ends(session, (TABLES, &tables))
    });
    load::run(session, &ways)?;
    offered::run(session, &ways)?;
    packets::run(session, &named)
}

fn ways<'lab>(session: &Session<'_>, named: &[Named<'lab>]) -> Ways<'lab> {
    let all = named.iter().map(|&named| ends(session, named));
    Ways {
        case: "nat",
        reference: KERNEL,
        address: SERVER,
        mtu: MTU,
        ends: all.collect(),
    }
}

fn ends<'lab>(session: &Session<'_>, (name, place): Named<'lab>) -> Ends<'lab> {
    Ends {
        subject: subject(name, place),
        from: &place.client,
        to: &place.server,
        loads: "",
        forget: forget(session, name, place),
    }
}

fn forget<'lab>(
    session: &Session<'_>,
    name: &str,
    place: &'lab Place,
) -> Option<(&'lab crate::run::netns::Netns, Vec<String>)> {
    let loader = session.loader.to_string_lossy();
    let words = match name {
        REDIRECTS | TABLES => return None,
        KERNEL | BY_DEFAULT => vec!["conntrack", "--flush"],
        _ => vec![&*loader, "-N", place.host.name(), "session", "flush"],
    };
    let words = words.iter().map(ToString::to_string);
    Some((&place.host, words.collect()))
}

fn subject(name: &'static str, place: &Place) -> Subject {
    Subject::new(name, &[&place.host])
}
