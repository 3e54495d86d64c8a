//! Sites of the kernel's own: a vxlan device on a bridge, and one in metadata mode.

use std::fmt::Write as _;

use anyhow::Result;

use super::{Family, PORT, Plan, Site};
use crate::topology::{UNDERLAY, VNI};

/// The vxlan device.
pub const DEVICE: &str = "vx0";

/// A vxlan device on a bridge, beside the station's wire.
pub fn bridge(site: &Site, plan: &Plan) -> Result<()> {
    let (number, mtu) = (site.number, plan.family.mtu());
    let flood = if plan.by_group {
        format!("group {}", plan.family.group())
    } else {
        String::new()
    };
    site.host.ip(&format!(
        "link add br0 mtu {mtu} type bridge
         link add {DEVICE} mtu {mtu} type vxlan id {VNI} dstport {} local {} dev {UNDERLAY} {flood} {}
         link set {DEVICE} master br0
         link set {PORT} master br0
         link set {DEVICE} up
         link set br0 up",
        plan.port(number),
        plan.family.vtep(number),
        checksums(plan)
    ))?;
    for family in ["iptables", "ip6tables", "arptables"] {
        site.host
            .sysctl(&format!("net/bridge/bridge-nf-call-{family}"), "0")?;
    }
    if plan.by_group {
        return Ok(());
    }
    plan.peers(number).try_for_each(|(_, vtep, port)| {
        let entry = format!("00:00:00:00:00:00 dev {DEVICE} dst {vtep} port {port}");
        site.host.run(&format!("bridge fdb append {entry}"))?;
        Ok(())
    })
}

/// What sends UDP checksums, or neither sends nor wants them.
fn checksums(plan: &Plan) -> &'static str {
    match (plan.family, plan.checksum) {
        (Family::V4, false) => "noudpcsum",
        (Family::V4, true) => "udpcsum",
        (Family::V6, false) => "udp6zerocsumtx udp6zerocsumrx",
        (Family::V6, true) => "noudp6zerocsumtx noudp6zerocsumrx",
    }
}

/// A vxlan device that takes the tunnel from routes, with the station's address.
pub fn external(site: &Site, plan: &Plan) -> Result<()> {
    let mac = site.mac.map(|octet| format!("{octet:02x}")).join(":");
    let checksums = match plan.family {
        Family::V4 => "",
        Family::V6 => checksums(plan),
    };
    let mut lines = format!(
        "link add {DEVICE} address {mac} mtu {} type vxlan external dstport {} {checksums}
         link set {DEVICE} up
         addr add {}/32 dev {DEVICE}
         addr add {}/128 dev {DEVICE} nodad\n",
        plan.family.mtu(),
        plan.port(site.number),
        site.address,
        site.address_v6
    );
    let encap = match plan.family {
        Family::V4 => "encap ip",
        Family::V6 => "encap ip6",
    };
    let csum = if plan.checksum { "csum" } else { "" };
    for (other, vtep, _) in plan.peers(site.number) {
        let tunnel = format!("{encap} id {VNI} dst {vtep} {csum} dev {DEVICE}");
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "route add 10.0.3.{}/32 {tunnel}", 10 + other);
        let _ = writeln!(lines, "route add {}/128 {tunnel}", super::station_v6(other));
    }
    site.host.ip(&lines)
}
