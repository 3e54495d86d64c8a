//! A site that netfwd serves.

use anyhow::{Context as _, Result};

use super::{PORT, Plan, Site};
use crate::topology::{GATEWAY_DEVICE, GATEWAY_MAC, Instance, NETWORK, UNDERLAY, VNI};

/// Configures and starts it.
pub fn start(site: &Site, plan: &Plan) -> Result<Instance> {
    let mut instance = Instance::new(&site.host, &config(site, plan))?;
    instance.start().context("netfwd does not start")?;
    Ok(instance)
}

fn config(site: &Site, plan: &Plan) -> String {
    let (name, number) = (site.host.name(), site.number);
    let own = plan.port(number);
    let flood = if plan.by_group {
        format!("group = \"{}\"", plan.family.group())
    } else {
        let peers = plan.peers(number).map(|(_, vtep, port)| {
            if port == own {
                format!("\"{vtep}\"")
            } else {
                format!("\"{}\"", std::net::SocketAddr::from((vtep, port)))
            }
        });
        format!("peers = [{}]", peers.collect::<Vec<_>>().join(", "))
    };
    format!(
        "[host]\nname = \"{name}\"\nuplinks = [\"{UNDERLAY}\"]\nvtep = \"{}\"\n\n\
         [vxlan]\nport = {own}\nudp_checksum = {}\n{}\n\
         [[network]]\nname = \"{NETWORK}\"\nvni = {VNI}\n{flood}\n\n\
         {}\x20 [[network.port]]\n  interface = \"{PORT}\"\n",
        plan.family.vtep(number),
        plan.checksum,
        plan.vxlan_lines,
        if plan.gateway {
            gateway()
        } else {
            String::new()
        }
    )
}

fn gateway() -> String {
    let mac = GATEWAY_MAC.map(|octet| format!("{octet:02x}")).join(":");
    format!(
        "  [network.gateway]\n  device = \"{GATEWAY_DEVICE}\"\n  mac = \"{mac}\"\n\
         \x20 addresses = [\"10.0.3.1/24\", \"fd00:3::1/64\"]\n\n"
    )
}
