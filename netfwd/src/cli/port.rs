//! The command line: ports.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};

use super::args::Filter;
use super::values::{Trunk, VlanOrNone, on_off, trunk, vlan_or_none};
use crate::runtime::{Object, PortChange, PortSpec};

/// Ports.
#[derive(Debug, Subcommand)]
pub enum PortCommand {
    /// Show ports
    Show(Filter),
    /// Attach an interface to a network
    Add(Box<PortArgs>),
    /// Attach an interface to a network, or change how it is attached
    Replace(Box<PortArgs>),
    /// Change the properties of a port that was attached by command, or open one that was shut
    Set(Box<SetArgs>),
    /// Detach an interface that was attached by command
    Del {
        /// The interface, or NETNS/NAME of a pair
        interface: String,
        /// Detach it from this network alone
        #[arg(long, value_name = "NAME")]
        network: Option<String>,
    },
}

/// A port.
#[derive(Debug, Args)]
pub struct PortArgs {
    /// An existing interface
    pub interface: Option<String>,
    /// Its network
    #[arg(long, value_name = "NAME")]
    pub network: String,
    /// Make a veth pair with its other end in this namespace
    #[arg(long, value_name = "NS", requires = "name")]
    pub netns: Option<String>,
    /// Name of the pair's other end
    #[arg(long, value_name = "IF", requires = "netns")]
    pub name: Option<String>,
    /// Make a persistent tap of this name
    #[arg(long, value_name = "NAME", conflicts_with = "netns")]
    pub tap: Option<String>,
    /// Have the tap take several queues
    #[arg(long, requires = "tap")]
    pub multi_queue: bool,
    /// Whether the tap's frames have a virtio-net header [default: on]
    #[arg(long, value_name = "on|off", value_parser = on_off, requires = "tap")]
    pub vnet_header: Option<bool>,
    /// The user, by number, who may open the tap besides root
    #[arg(long, value_name = "UID", requires = "tap")]
    pub owner: Option<u32>,
    /// MAC of the station: set on a pair's other end, and what --anti-spoof allows
    #[arg(long)]
    pub mac: Option<String>,
    /// An address of the station: set on a pair's other end (with its prefix), and what --anti-spoof
    /// allows
    #[arg(long, value_name = "ADDR")]
    pub address: Vec<String>,
    /// Give the pair's other end a default route to the gateway
    #[arg(long)]
    pub default_route: bool,
    /// Properties that are on or off
    #[command(flatten)]
    pub switches: Switches,
    /// Properties that have a value
    #[command(flatten)]
    pub values: Values,
}

/// Properties that are switched on by their name.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
#[derive(Clone, Copy, Debug, Args)]
pub struct Switches {
    /// Reaches only ports that are not isolated
    #[arg(long)]
    pub isolated: bool,
    /// Refuse sources that are not the station's
    #[arg(long)]
    pub anti_spoof: bool,
    /// A DHCP server or router stands behind it: take its answers
    #[arg(long)]
    pub server: bool,
    /// No bridge stands behind it: a BPDU shuts it
    #[arg(long)]
    pub edge: bool,
    /// Frames may leave by the port that they came in by
    #[arg(long)]
    pub hairpin: bool,
    /// A multicast router stands behind it
    #[arg(long)]
    pub multicast_router: bool,
    /// Send frames of the native VLAN with their tag
    #[arg(long)]
    pub tag_native: bool,
}

/// The same properties, where they can be switched off as well.
#[derive(Clone, Copy, Debug, Args)]
pub struct SetSwitches {
    /// Whether it reaches only ports that are not isolated
    #[arg(long, value_name = "on|off", value_parser = on_off, num_args = 0..=1, default_missing_value = "on")]
    pub isolated: Option<bool>,
    /// Whether sources that are not the station's are refused
    #[arg(long, value_name = "on|off", value_parser = on_off, num_args = 0..=1, default_missing_value = "on")]
    pub anti_spoof: Option<bool>,
    /// Whether a DHCP server or router stands behind it
    #[arg(long, value_name = "on|off", value_parser = on_off, num_args = 0..=1, default_missing_value = "on")]
    pub server: Option<bool>,
    /// Whether a BPDU shuts it
    #[arg(long, value_name = "on|off", value_parser = on_off, num_args = 0..=1, default_missing_value = "on")]
    pub edge: Option<bool>,
    /// Whether frames may leave by the port that they came in by
    #[arg(long, value_name = "on|off", value_parser = on_off, num_args = 0..=1, default_missing_value = "on")]
    pub hairpin: Option<bool>,
    /// Whether a multicast router stands behind it
    #[arg(long, value_name = "on|off", value_parser = on_off, num_args = 0..=1, default_missing_value = "on")]
    pub multicast_router: Option<bool>,
    /// Whether frames of the native VLAN leave with their tag
    #[arg(long, value_name = "on|off", value_parser = on_off, num_args = 0..=1, default_missing_value = "on")]
    pub tag_native: Option<bool>,
}

/// Properties that have a value.
#[derive(Clone, Debug, Args)]
pub struct Values {
    /// VLAN of its untagged frames, or `none`
    #[arg(long, value_name = "N", value_parser = vlan_or_none)]
    pub vlan: Option<VlanOrNone>,
    /// VLANs that it takes and sends tagged, such as 10,20 or 100-199, or `none`
    #[arg(long, value_name = "N,N", value_parser = trunk)]
    pub trunk: Option<Trunk>,
    /// Whether sources are learned
    #[arg(long, value_name = "on|off", value_parser = on_off)]
    pub learning: Option<bool>,
    /// Whether unknown unicast is flooded to it
    #[arg(long, value_name = "on|off", value_parser = on_off)]
    pub unknown_unicast: Option<bool>,
    /// Learned FDB entries that it may have, 0 for any number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_048_576))]
    pub max_learned: Option<u32>,
    /// Flooded frames a second that it may send, 0 for any number
    #[arg(long, value_name = "N")]
    pub storm_control: Option<u32>,
    /// Whether the interface's own address stays with the host's stack [default: unless it is a veth
    /// or a tap]
    #[arg(long, value_name = "on|off", value_parser = on_off)]
    pub outside: Option<bool>,
}

/// A change to a port.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The interface, or NETNS/NAME of a pair
    pub interface: String,
    /// The network whose VLANs on it are meant
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
    /// Open it after a BPDU shut it
    #[arg(long)]
    pub up: bool,
    /// Properties that are on or off
    #[command(flatten)]
    pub switches: SetSwitches,
    /// Properties that have a value
    #[command(flatten)]
    pub values: Values,
}

impl From<PortArgs> for Object {
    fn from(args: PortArgs) -> Self {
        let on = |switch: bool| switch.then_some(true);
        let switches = args.switches;
        Self::Port(PortSpec {
            network: Some(args.network),
            interface: args.interface,
            netns: args.netns,
            name: args.name,
            tap: args.tap,
            multi_queue: args.multi_queue,
            vnet_header: args.vnet_header,
            owner: args.owner,
            mac: args.mac,
            addresses: args.address,
            default_route: args.default_route,
            options: PortChange {
                isolated: on(switches.isolated),
                anti_spoof: on(switches.anti_spoof),
                server: on(switches.server),
                edge: on(switches.edge),
                hairpin: on(switches.hairpin),
                multicast_router: on(switches.multicast_router),
                tag_native: on(switches.tag_native),
                ..args.values.into()
            },
        })
    }
}

impl From<Values> for PortChange {
    fn from(values: Values) -> Self {
        Self {
            vlan: values.vlan.map(|VlanOrNone(vlan)| vlan),
            trunk: values
                .trunk
                .map(|Trunk(vlans)| vlans.into_iter().collect::<BTreeSet<u16>>()),
            learning: values.learning,
            unknown_unicast: values.unknown_unicast,
            max_learned: values.max_learned,
            storm_control: values.storm_control,
            outside: values.outside,
            ..Self::default()
        }
    }
}

impl SetArgs {
    /// What to change, but for `--up`.
    pub fn change(self) -> PortSpec {
        let switches = self.switches;
        PortSpec {
            interface: Some(self.interface),
            network: self.network,
            options: PortChange {
                isolated: switches.isolated,
                anti_spoof: switches.anti_spoof,
                server: switches.server,
                edge: switches.edge,
                hairpin: switches.hairpin,
                multicast_router: switches.multicast_router,
                tag_native: switches.tag_native,
                ..self.values.into()
            },
            ..PortSpec::default()
        }
    }
}
