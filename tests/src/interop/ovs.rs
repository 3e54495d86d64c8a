//! A site that Open vSwitch serves, with its userspace datapath: the uplink is on a bridge that has
//! the VTEP's address, since the tunnel's packets take the datapath's own way out.

use anyhow::Result;

use super::{Family, PORT, Plan, Site};
use crate::{
    openvswitch::OpenVswitch,
    topology::{UNDERLAY, VNI, offload},
};

const UNDERLAY_BRIDGE: &str = "br-phy";
const BRIDGE: &str = "br-int";

/// Configures and starts it.
pub fn start(site: &Site, plan: &Plan) -> Result<OpenVswitch> {
    let ovs = OpenVswitch::start(&site.host)?;
    underlay(&ovs, site)?;
    ovs.bridge(BRIDGE)?;
    ovs.vsctl(&format!("add-port {BRIDGE} {PORT}"))?;
    for (other, vtep, port) in plan.peers(site.number) {
        let tunnel = format!("vx{other}");
        ovs.vsctl(&format!(
            "add-port {BRIDGE} {tunnel} -- set interface {tunnel} type=vxlan \
             options:remote_ip={vtep} options:key={VNI} options:dst_port={port} \
             options:csum={}",
            plan.checksum
        ))?;
    }
    // It reads frames by packet sockets and knows nothing of checksums to be filled in.
    offload(&site.station, "eth0", "tx off")?;
    Ok(ovs)
}

fn underlay(ovs: &OpenVswitch, site: &Site) -> Result<()> {
    ovs.bridge(UNDERLAY_BRIDGE)?;
    ovs.vsctl(&format!("add-port {UNDERLAY_BRIDGE} {UNDERLAY}"))?;
    let [v4, v6] = [Family::V4, Family::V6].map(|family| family.vtep(site.number));
    site.host.ip(&format!(
        "addr flush dev {UNDERLAY}
         link set {UNDERLAY_BRIDGE} up
         addr add {v4}/24 dev {UNDERLAY_BRIDGE}
         addr add {v6}/64 dev {UNDERLAY_BRIDGE} nodad"
    ))
}
