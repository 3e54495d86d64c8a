//! Two containers on two hosts that an underlay joins: netfwd, and the kernel's bridge and vxlan.

mod hosts;
mod nic;
mod packets;

use anyhow::Result;

use super::load::{self, Ends, Ways};
use super::path::ADDRESSES;
use super::session::Session;
use super::subject::Subject;
use super::twin::{BY_DEFAULT, Firewall};
use hosts::{MTU, Pair};

/// What the others are compared with.
const KERNEL: &str = "kernel bridge + vxlan";
/// What none can be faster than.
const REDIRECTS: &str = "redirects alone, no VXLAN";

/// A name, and the hosts and containers that it stands for.
type Named<'lab> = (&'static str, &'lab Pair);

/// Its steps, in their order.
pub const PLAN: &[&str] = &[
    "vxlan/latency-one-core-p50",
    "vxlan/latency-busy-poll-p50",
    "vxlan/udp",
    "vxlan/udp-segment",
    "vxlan/tcp-1-one-core",
    "vxlan/tcp-4-one-core",
    "vxlan/tcp-1",
    "vxlan/tcp-4",
    "vxlan/connections",
    "vxlan/requests",
    "vxlan/packets-imix",
    "vxlan/packets-64",
    "vxlan/live-stack",
    "vxlan/live-xdp",
];

/// Measures and prints.
pub fn run(session: &Session<'_>) -> Result<()> {
    hosts::make_folder(session.prefix)?;
    loads(session)?;
    nic::run(session)
}

fn loads(session: &Session<'_>) -> Result<()> {
    let Session { loader, prefix, .. } = *session;
    let labels = ["n", "k", "w", "d"];
    let [ours, kernel, wires, by_default] = labels.map(|label| Pair::create(prefix, label));
    let (ours, kernel, wires, by_default) = (ours?, kernel?, wires?, by_default?);
    let _running = ours.netfwd(loader, prefix, "off")?;
    let _redirects = wires.redirects()?;
    kernel.kernel(Firewall::Spared)?;
    by_default.kernel(Firewall::Asked)?;
    let named = [
        ("netfwd", &ours),
        (KERNEL, &kernel),
        (REDIRECTS, &wires),
        (BY_DEFAULT, &by_default),
    ];
    load::run(session, &ways(&named))?;
    packets::run(session, &named)
}

fn ways<'lab>(named: &[Named<'lab>]) -> Ways<'lab> {
    let ends = named.iter().map(|&(name, pair)| Ends {
        subject: subject(name, pair),
        from: &pair.containers[0],
        to: &pair.containers[1],
        loads: "",
        forget: None,
    });
    Ways {
        case: "vxlan",
        reference: KERNEL,
        address: ADDRESSES[1],
        mtu: MTU,
        ends: ends.collect(),
    }
}

fn subject(name: &'static str, pair: &Pair) -> Subject {
    let [a, b] = &pair.hosts;
    Subject::new(name, &[a, b])
}
