//! The switch as Open vSwitch with its userspace datapath: the reference for VLANs, which this
//! kernel's bridge does not filter.

use anyhow::{Context, Result};

use super::{Layout, PortOption, host_end};
use crate::{netns::Namespace, openvswitch::OpenVswitch};

const BRIDGE: &str = "ovs0";

/// A bridge of an Open vSwitch of its own.
#[derive(Debug)]
pub struct Ovs(OpenVswitch);

impl Ovs {
    /// Starts one on a host whose interfaces stand.
    pub fn start(host: &Namespace, layout: &Layout) -> Result<Self> {
        let ovs = Self(OpenVswitch::start(host)?);
        ovs.0.bridge(BRIDGE)?;
        let [network] = &layout.networks[..] else {
            anyhow::bail!("Open vSwitch takes the place of one network here");
        };
        for (port, options) in &network.ports {
            ovs.add(&host_end(*port), options)?;
        }
        Ok(ovs)
    }

    /// Adds an interface.
    pub fn add(&self, interface: &str, options: &[PortOption]) -> Result<()> {
        let words = options.iter().map(PortOption::ovs);
        let words = words.collect::<Option<Vec<_>>>();
        let mut words = words.context("Open vSwitch is asked for VLANs alone")?;
        let trunk = options
            .iter()
            .any(|option| matches!(option, PortOption::Trunk(_)));
        let native = options
            .iter()
            .any(|option| matches!(option, PortOption::Vlan(_)));
        if trunk && native && !options.contains(&PortOption::TagNative) {
            words.push("vlan_mode=native-untagged".into());
        }
        let words = words.join(" ");
        self.0
            .vsctl(&format!("add-port {BRIDGE} {interface} {words}"))
    }
}
