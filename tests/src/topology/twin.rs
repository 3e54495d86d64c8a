//! The kernel twin: the job done by a bridge, a vxlan device and nft, each set as fast as it goes.

use anyhow::Result;

use super::{
    Container, GATEWAY, GATEWAY_DEVICE, GATEWAY_MAC, MTU, Options, Publish, UNDERLAY, VNI,
};
use crate::netns::Namespace;

/// Builds a host's data path of the kernel's own parts; it ends with its namespace.
pub fn start(
    number: u8,
    ns: &Namespace,
    containers: [&Container; 2],
    options: &Options,
) -> Result<()> {
    bridge(ns)?;
    vxlan(number, ns)?;
    for container in containers {
        container.plug(ns)?;
        enslave(ns, &container.host_end())?;
    }
    nat(ns, if number == 1 { &options.publishes } else { &[] })
}

fn bridge(ns: &Namespace) -> Result<()> {
    let mac = GATEWAY_MAC.map(|octet| format!("{octet:02x}")).join(":");
    ns.ip(&format!(
        "link add {GATEWAY_DEVICE} address {mac} mtu {MTU} type bridge
         link set {GATEWAY_DEVICE} up
         addr add {GATEWAY}/24 dev {GATEWAY_DEVICE}"
    ))?;
    // Bridged frames would pass nft as well: a fifth of the twin's speed.
    for family in ["iptables", "ip6tables", "arptables"] {
        ns.sysctl(&format!("net/bridge/bridge-nf-call-{family}"), "0")?;
    }
    ns.sysctl("net/ipv4/ip_forward", "1")
}

fn vxlan(number: u8, ns: &Namespace) -> Result<()> {
    let peer = 3 - number;
    ns.ip(&format!(
        "link add vx0 mtu {MTU} type vxlan id {VNI} dstport 4789 local 172.31.0.{number} \
         dev {UNDERLAY} noudpcsum"
    ))?;
    enslave(ns, "vx0")?;
    ns.run(&format!(
        "bridge fdb append 00:00:00:00:00:00 dev vx0 dst 172.31.0.{peer}"
    ))?;
    Ok(())
}

fn enslave(ns: &Namespace, interface: &str) -> Result<()> {
    ns.ip(&format!(
        "link set {interface} master {GATEWAY_DEVICE}\nlink set {interface} up"
    ))
}

fn nat(ns: &Namespace, publishes: &[Publish]) -> Result<()> {
    let rules: String = publishes.iter().map(dnat).collect();
    ns.nft(&format!(
        "table ip nat {{
             chain out {{
                 type nat hook postrouting priority srcnat;
                 ip saddr 10.0.3.0/24 ip daddr != 10.0.3.0/24 masquerade
             }}
             chain in {{
                 type nat hook prerouting priority dstnat;
                 {rules}
             }}
         }}"
    ))
}

fn dnat(publish: &Publish) -> String {
    let Publish {
        proto,
        listen,
        address,
        port,
    } = publish;
    format!("fib daddr type local {proto} dport {listen} dnat to {address}:{port}\n")
}
