//! The wires between namespaces.

use anyhow::Result;

use super::{UNDERLAY, UPLINK};
use crate::netns::Namespace;

/// A veth pair across two namespaces, both ends up.
pub fn veth(a: &Namespace, name_a: &str, b: &Namespace, name_b: &str) -> Result<()> {
    let far = b.name();
    a.ip(&format!(
        "link add {name_a} type veth peer name {name_b} netns {far}\nlink set {name_a} up"
    ))?;
    b.ip(&format!("link set {name_b} up"))
}

/// The wire between the hosts.
pub fn underlay(a: &Namespace, b: &Namespace) -> Result<()> {
    veth(a, UNDERLAY, b, UNDERLAY)?;
    a.ip(&format!("addr add 172.31.0.1/24 dev {UNDERLAY}"))?;
    b.ip(&format!("addr add 172.31.0.2/24 dev {UNDERLAY}"))
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
