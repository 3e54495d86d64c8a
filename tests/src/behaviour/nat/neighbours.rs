//! Next hops that change their MAC and tell nobody, as a fail-over does without a gratuitous ARP: who sends to them is to
//! ask again.

use std::{net::IpAddr, time::Duration};

use anyhow::{Context as _, Result};

use crate::{
    netns::Namespace,
    process::eventually,
    site::{Family, HOST, OUTSIDE, Plan, Site, UPLINK, over_both},
    topology::{Stack, TwoHosts, UNDERLAY},
    traffic::{Ping, ping},
};

/// Reachable for half a second, asked when next sent to, and given up after three questions in 0.3 s.
const IMPATIENT: [(&str, &str); 3] = [
    ("base_reachable_time_ms", "500"),
    ("delay_first_probe_time", "0"),
    ("retrans_time_ms", "100"),
];
/// In which an impatient host has asked again.
const LIMIT: Duration = Duration::from_secs(10);

/// Two networks that may speak to each other.
pub fn plan(stack: Stack) -> Result<Plan> {
    Ok(Plan::on(stack)
        .green()
        .head("[routing]\nbetween = \"allow\"\n"))
}

/// A router outside.
pub fn outside(site: &Site) -> Result<()> {
    over_both(|family| {
        let asker = Asker::impatient(&site.host, UPLINK, HOST.of(family))?;
        let silent = (&site.outside, "eth0");
        asker.asks_again(&site.c1.ns, silent, OUTSIDE.of(family))
    })
}

/// A station of another network, which speaks only when it is spoken to.
pub fn another_network(site: &Site) -> Result<()> {
    over_both(|family| {
        let g1 = site.g1()?;
        let gateway = match family {
            Family::V4 => IpAddr::from([10, 0, 4, 1]),
            Family::V6 => IpAddr::from([0xfd00, 4, 0, 0, 0, 0, 0, 1]),
        };
        let asker = Asker::impatient(&site.host, "lxcbr1", gateway)?;
        asker.asks_again(&site.c1.ns, (&g1.ns, "eth0"), g1.at.of(family))
    })
}

/// A peer, as long as nothing is flooded to it.
pub fn peer(hosts: &TwoHosts) -> Result<()> {
    let asker = Asker::impatient(&hosts.a.ns, UNDERLAY, hosts.a.vtep.into())?;
    let to = hosts.c3.address.into();
    ping(&hosts.c1.ns, to, Ping::count(1))?.complete()?;
    stay_known(&hosts.c1.ns, "eth0", to)?;
    asker.asks_again_for(
        &hosts.c1.ns,
        (&hosts.b.ns, UNDERLAY),
        to,
        hosts.b.vtep.into(),
    )
}

/// A host that sends to who changes, by its interface there and its address.
struct Asker<'a> {
    host: &'a Namespace,
    interface: &'a str,
    address: IpAddr,
}

impl<'a> Asker<'a> {
    fn impatient(host: &'a Namespace, interface: &'a str, address: IpAddr) -> Result<Self> {
        let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
        for (key, value) in IMPATIENT {
            host.sysctl(&format!("net/{family}/neigh/{interface}/{key}"), value)?;
        }
        // Those that it knows are reachable for as long as it was patient.
        host.ip(&format!("neigh flush dev {interface}"))?;
        Ok(Self {
            host,
            interface,
            address,
        })
    }

    /// Has the next hop itself change while a station sends to it, and waits for its answer.
    fn asks_again(&self, from: &Namespace, silent: (&Namespace, &str), to: IpAddr) -> Result<()> {
        self.asks_again_for(from, silent, to, to)
    }

    /// Has a next hop change behind which a station is sent to. It knows the host for good: a question of its own would
    /// tell its new MAC.
    fn asks_again_for(
        &self,
        from: &Namespace,
        (silent, interface): (&Namespace, &str),
        to: IpAddr,
        next_hop: IpAddr,
    ) -> Result<()> {
        ping(from, to, Ping::count(3))?.complete()?;
        stay_known(silent, interface, self.address)?;
        eventually("a silence", LIMIT, || self.is_stale(next_hop))?;
        let last = if next_hop.is_ipv4() { 4 } else { 6 };
        silent.ip(&format!(
            "link set {interface} address 02:00:00:00:77:0{last}"
        ))?;
        eventually("an answer from the new MAC", LIMIT, || {
            let report = ping(from, to, Ping::count(3).every(Duration::from_millis(100)))?;
            Ok(report.complete().is_ok())
        })
    }

    fn is_stale(&self, next_hop: IpAddr) -> Result<bool> {
        Ok(neighbour(self.host, self.interface, next_hop)?.contains("STALE"))
    }
}

/// What a host says of a neighbour.
fn neighbour(ns: &Namespace, interface: &str, address: IpAddr) -> Result<String> {
    Ok(ns
        .run(&format!("ip -o neigh show {address} dev {interface}"))?
        .stdout)
}

/// Keeps a host from asking for a neighbour that it knows.
fn stay_known(ns: &Namespace, interface: &str, address: IpAddr) -> Result<()> {
    let known = neighbour(ns, interface, address)?;
    let mac = known.split_once("lladdr ").map(|(_, rest)| rest);
    let mac = mac.and_then(|rest| rest.split_whitespace().next());
    let mac = mac.with_context(|| format!("{address} has no MAC: {known}"))?;
    ns.ip(&format!(
        "neigh replace {address} lladdr {mac} dev {interface} nud permanent"
    ))
}
