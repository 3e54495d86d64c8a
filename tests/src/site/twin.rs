//! The kernel twin: bridge, forwarding, and nftables, as people set them up by hand.

use std::net::SocketAddr;

use anyhow::{Context, Result};

use super::{GATEWAY_DEVICE, Plan};
use crate::netns::Namespace;

/// Builds it; it ends with its namespace.
pub fn start(host: &Namespace, plan: &Plan) -> Result<()> {
    for family in ["iptables", "ip6tables", "arptables"] {
        host.sysctl(&format!("net/bridge/bridge-nf-call-{family}"), "0")?;
    }
    bridge(host, GATEWAY_DEVICE, 3, &["c1", "c2"])?;
    if plan.green {
        bridge(host, "lxcbr1", 4, &["g1"])?;
    }
    host.sysctl("net/ipv4/ip_forward", "1")?;
    host.sysctl("net/ipv6/conf/all/forwarding", "1")?;
    host.nft(&table("ip", "10.0.3.0/24", plan)?)?;
    host.nft(&table("ip6", "fd00:3::/64", plan)?)
}

fn bridge(host: &Namespace, name: &str, subnet: u8, ports: &[&str]) -> Result<()> {
    host.ip(&format!(
        "link add {name} type bridge
         link set {name} up
         addr add 10.0.{subnet}.1/24 dev {name}
         addr add fd00:{subnet}::1/64 dev {name}"
    ))?;
    let enslave = |port: &&str| host.ip(&format!("link set veth-{port} master {name}"));
    ports.iter().try_for_each(enslave)
}

fn table(family: &str, subnet: &str, plan: &Plan) -> Result<String> {
    let of_family = |(_, to): &&(String, SocketAddr)| to.is_ipv4() == (family == "ip");
    let rules = plan.publishes.iter().filter(of_family).map(dnat);
    let rules = rules.collect::<Result<String>>()?;
    Ok(format!(
        "table {family} nat {{
             chain out {{
                 type nat hook postrouting priority srcnat;
                 {family} saddr {subnet} {family} daddr != {subnet} masquerade
             }}
             chain in {{
                 type nat hook prerouting priority dstnat;
                 {rules}
             }}
         }}"
    ))
}

fn dnat((listen, to): &(String, SocketAddr)) -> Result<String> {
    let (at, proto) = listen
        .split_once('/')
        .context("a listener has a protocol")?;
    let at: SocketAddr = at.parse().context("the twin's listeners have an address")?;
    let family = if at.is_ipv4() { "ip" } else { "ip6" };
    let (address, port) = (at.ip(), at.port());
    Ok(format!(
        "{family} daddr {address} {proto} dport {port} dnat to {to}\n"
    ))
}
