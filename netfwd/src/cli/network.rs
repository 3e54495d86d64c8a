//! The command line: networks and their neighbours.

use std::net::IpAddr;

use clap::{Args, Subcommand};
use ipnet::IpNet;

use super::args::Filter;
use super::values::{accept, group, on_off, seconds, vlan, vtep};
use crate::config::PeerAt;
use crate::runtime::{MasqueradeSpec, NeighSpec, NetworkSpec, SwitchChange};

/// Networks.
#[derive(Debug, Subcommand)]
pub enum NetworkCommand {
    /// Show networks
    Show(Filter),
    /// Add a network
    Add(Box<NetworkArgs>),
    /// Add a network, or change one that was added by command
    Replace(Box<NetworkArgs>),
    /// Delete a network that was added by command
    Del {
        /// Its name
        name: String,
    },
}

/// A network.
#[derive(Debug, Args)]
pub struct NetworkArgs {
    /// Its name
    pub name: String,
    /// Its VNI; without one it stays on this host
    #[arg(long)]
    pub vni: Option<u32>,
    /// An address of its gateway, with its prefix
    #[arg(long, value_name = "CIDR")]
    pub gateway: Vec<IpNet>,
    /// Masquerade its subnets: to the uplink's addresses, or to what is given
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, value_delimiter = ',',
        default_missing_value = "true")]
    pub masquerade: Vec<String>,
    /// A peer's address, with its UDP port where that is one of its own
    #[arg(long, value_name = "ADDR[:PORT]")]
    pub peer: Vec<PeerAt>,
    /// The multicast group by which it floods
    #[arg(long, value_name = "ADDR", value_parser = group)]
    pub group: Option<IpAddr>,
    /// The VTEP that its peers see [default: the nearest of their family]
    #[arg(long, value_name = "ADDR", value_parser = vtep)]
    pub vtep: Option<IpAddr>,
    /// What becomes of VXLAN from an address that is no peer [default: the instance's; accept with a group]
    #[arg(long, value_name = "accept|drop", value_parser = accept)]
    pub unknown_sources: Option<bool>,
    /// Its MTU
    #[arg(long)]
    pub mtu: Option<u32>,
    /// Its own VLAN
    #[arg(long, value_name = "N", value_parser = vlan)]
    pub vlan: Option<u16>,
    /// How long a learned FDB entry lives unrefreshed [default: 300s]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub ageing: Option<u64>,
    /// Whether sources are learned [default: on]
    #[arg(long, value_name = "on|off", value_parser = on_off)]
    pub learning: Option<bool>,
    /// Whether unknown unicast is flooded [default: on]
    #[arg(long, value_name = "on|off", value_parser = on_off)]
    pub unknown_unicast: Option<bool>,
    /// Learned FDB entries that each of its ports may have, 0 for any number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_048_576))]
    pub max_learned: Option<u32>,
    /// Learned FDB entries that it may have in all, 0 for any number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_048_576))]
    pub max_learned_total: Option<u32>,
    /// Flooded frames a second that each of its ports may send, 0 for any number
    #[arg(long, value_name = "N")]
    pub storm_control: Option<u32>,
    /// Answer ARP and ND from the neighbours
    #[arg(long)]
    pub arp_suppression: bool,
    /// Whether IP multicast goes to members and routers alone [default: on]
    #[arg(long, value_name = "on|off", value_parser = on_off)]
    pub multicast_snooping: Option<bool>,
    /// Ask for members where no router does
    #[arg(long)]
    pub multicast_querier: bool,
}

impl From<NetworkArgs> for NetworkSpec {
    fn from(args: NetworkArgs) -> Self {
        Self {
            name: args.name,
            vni: args.vni,
            mtu: args.mtu,
            gateway: args.gateway,
            masquerade: masquerade(args.masquerade),
            peers: args.peer,
            group: args.group,
            vtep: args.vtep,
            unknown_sources: args.unknown_sources,
            switch: SwitchChange {
                vlan: args.vlan,
                ageing_seconds: args.ageing,
                learning: args.learning,
                unknown_unicast: args.unknown_unicast,
                max_learned: args.max_learned,
                max_learned_total: args.max_learned_total,
                storm_control: args.storm_control,
                arp_suppression: args.arp_suppression.then_some(true),
                multicast_snooping: args.multicast_snooping,
                multicast_querier: args.multicast_querier.then_some(true),
            },
        }
    }
}

fn masquerade(words: Vec<String>) -> MasqueradeSpec {
    match words.as_slice() {
        [] => MasqueradeSpec::Uplink(false),
        [word] if word == "true" || word == "false" => MasqueradeSpec::Uplink(word == "true"),
        _ => MasqueradeSpec::Words(words),
    }
}

/// Neighbours.
#[derive(Debug, Subcommand)]
pub enum NeighCommand {
    /// Show neighbours
    Show(Filter),
    /// Add a static neighbour
    Add(NeighArgs),
    /// Add a static neighbour, or replace the one that is there
    Replace(NeighArgs),
    /// Delete a neighbour
    Del(NeighKey),
    /// Delete all neighbours that are not static
    Flush(Filter),
}

/// A static neighbour.
#[derive(Debug, Args)]
pub struct NeighArgs {
    /// Its address
    pub ip: IpAddr,
    /// Its MAC
    pub mac: String,
    /// The network
    #[arg(long, value_name = "NAME")]
    pub network: String,
    /// The VLAN [default: the network's]
    #[arg(long, value_name = "N", value_parser = vlan)]
    pub vlan: Option<u16>,
}

/// Which neighbour.
#[derive(Debug, Args)]
pub struct NeighKey {
    /// Its address
    pub ip: IpAddr,
    /// The network
    #[arg(long, value_name = "NAME")]
    pub network: String,
    /// The VLAN [default: the network's]
    #[arg(long, value_name = "N", value_parser = vlan)]
    pub vlan: Option<u16>,
}

impl From<NeighArgs> for NeighSpec {
    fn from(args: NeighArgs) -> Self {
        Self {
            network: args.network,
            ip: args.ip,
            mac: Some(args.mac),
            vlan: args.vlan,
        }
    }
}

impl From<NeighKey> for NeighSpec {
    fn from(key: NeighKey) -> Self {
        Self {
            network: key.network,
            ip: key.ip,
            mac: None,
            vlan: key.vlan,
        }
    }
}
