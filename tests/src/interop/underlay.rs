//! The underlay: a bridge that snoops, as switches do, in a namespace of its own.

use std::net::IpAddr;

use anyhow::Result;
use serde_json::Value;

use super::Family;
use crate::{
    netns::Namespace,
    topology::{UNDERLAY, veth},
};

const BRIDGE: &str = "br0";

/// The wire between sites.
#[derive(Debug)]
pub struct Underlay {
    /// The switch's namespace.
    pub ns: Namespace,
}

impl Underlay {
    /// Makes it, without anybody on it.
    pub fn new() -> Result<Self> {
        let ns = Namespace::new("sw")?;
        // In the older versions a member is silent that has heard another one (RFC 2236 §3).
        ns.ip(&format!(
            "link add {BRIDGE} type bridge mcast_snooping 1 mcast_querier 1 \
             mcast_igmp_version 3 mcast_mld_version 2
             link set {BRIDGE} up"
        ))?;
        for family in ["iptables", "ip6tables", "arptables"] {
            ns.sysctl(&format!("net/bridge/bridge-nf-call-{family}"), "0")?;
        }
        Ok(Self { ns })
    }

    /// Plugs a site's host in, with addresses of both families.
    pub fn plug(&self, host: &Namespace, number: u8) -> Result<()> {
        let port = port(number);
        veth(host, UNDERLAY, &self.ns, &port)?;
        self.ns.ip(&format!("link set {port} master {BRIDGE}"))?;
        let [v4, v6] = [Family::V4, Family::V6].map(|family| family.vtep(number));
        host.ip(&format!(
            "addr add {v4}/24 dev {UNDERLAY}\naddr add {v6}/64 dev {UNDERLAY} nodad"
        ))
    }

    /// Whether the switch has heard this site join a group.
    pub fn has_heard(&self, number: u8, group: IpAddr) -> Result<bool> {
        let output = self.ns.run("bridge -j mdb show")?;
        let tables: Vec<Value> = serde_json::from_str(&output.stdout)?;
        let entries = tables.iter().filter_map(|table| table["mdb"].as_array());
        let heard = entries
            .flatten()
            .any(|entry| entry["port"] == port(number) && entry["grp"] == group.to_string());
        Ok(heard)
    }
}

/// The switch's port of a site.
fn port(number: u8) -> String {
    format!("site{number}")
}
