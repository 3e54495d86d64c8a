//! The wires between namespaces.

use anyhow::Result;

use super::{UNDERLAY, UPLINK, Underlay};
use crate::netns::Namespace;

/// A veth pair across two namespaces, both ends up.
pub fn veth(a: &Namespace, name_a: &str, b: &Namespace, name_b: &str) -> Result<()> {
    let far = b.name();
    a.ip(&format!(
        "link add {name_a} type veth peer name {name_b} netns {far}\nlink set {name_a} up"
    ))?;
    b.ip(&format!("link set {name_b} up"))
}

/// What joins the hosts; gives the router, where there is one.
pub fn underlay(a: &Namespace, b: &Namespace, kind: Underlay) -> Result<Option<Namespace>> {
    let router = match kind {
        Underlay::Wire(mtu) => {
            veth(a, UNDERLAY, b, UNDERLAY)?;
            for host in [a, b] {
                host.ip(&format!("link set {UNDERLAY} mtu {mtu}"))?;
            }
            None
        }
        Underlay::Router(mtu) => Some(router(a, b, mtu)?),
    };
    a.ip(&format!("addr add 172.31.0.1/24 dev {UNDERLAY}"))?;
    b.ip(&format!("addr add 172.31.0.2/24 dev {UNDERLAY}"))?;
    Ok(router)
}

/// A router that answers each host for the other's address, so that the hosts' own configuration is that
/// of a wire.
fn router(a: &Namespace, b: &Namespace, mtu: u32) -> Result<Namespace> {
    let router = Namespace::new("router")?;
    for (host, end, octets) in [(a, "to-a", 1500), (b, "to-b", mtu)] {
        veth(host, UNDERLAY, &router, end)?;
        host.ip(&format!("link set {UNDERLAY} mtu {octets}"))?;
        router.ip(&format!("link set {end} mtu {octets}"))?;
        router.sysctl(&format!("net/ipv4/conf/{end}/proxy_arp"), "1")?;
        // It would hold a host's question back for most of a second.
        router.sysctl(&format!("net/ipv4/neigh/{end}/proxy_delay"), "0")?;
    }
    router.sysctl("net/ipv4/ip_forward", "1")?;
    router.ip("addr add 172.31.0.254/32 dev to-a
         route add 172.31.0.1 dev to-a
         route add 172.31.0.2 dev to-b")?;
    Ok(router)
}

/// The second uplink of each host, to a bridge that has the server's address.
pub fn outside(outside: &Namespace, hosts: &[&Namespace]) -> Result<()> {
    outside.ip("link add br0 type bridge\nlink set br0 up\naddr add 192.168.99.100/24 dev br0")?;
    for (host, number) in hosts.iter().zip(1..) {
        veth(host, UPLINK, outside, &format!("host{number}"))?;
        outside.ip(&format!("link set host{number} master br0"))?;
        host.ip(&format!("addr add 192.168.99.{number}/24 dev {UPLINK}"))?;
    }
    Ok(())
}
