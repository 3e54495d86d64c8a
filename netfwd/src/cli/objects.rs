//! The command line: what can be said about each kind of object.

use std::net::IpAddr;

use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;

use super::args::Filter;

/// Networks.
#[derive(Debug, Subcommand)]
pub enum NetworkCommand {
    /// Show networks
    Show(Filter),
    /// Add a network
    Add {
        /// Its name
        name: String,
        /// Its VNI; without one it stays on this host
        #[arg(long)]
        vni: Option<u32>,
        /// An address of its gateway, with its prefix
        #[arg(long, value_name = "CIDR")]
        gateway: Vec<IpNet>,
        /// Masquerade its subnets
        #[arg(long)]
        masquerade: bool,
        /// A peer's address
        #[arg(long, value_name = "ADDR")]
        peer: Vec<IpAddr>,
        /// Its MTU
        #[arg(long)]
        mtu: Option<u32>,
    },
    /// Delete a network that was added by command
    Del {
        /// Its name
        name: String,
    },
}

/// Ports.
#[derive(Debug, Subcommand)]
pub enum PortCommand {
    /// Show ports
    Show(Filter),
    /// Attach an interface to a network
    Add(PortArgs),
    /// Attach an interface to a network, or change how it is attached
    Replace(PortArgs),
    /// Change the properties of a port that was attached by command
    Set {
        /// The interface, or NETNS/NAME of a pair
        interface: String,
        /// Whether it reaches only ports that are not isolated
        #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
        isolated: bool,
    },
    /// Detach an interface that was attached by command
    Del {
        /// The interface, or NETNS/NAME of a pair
        interface: String,
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
    /// MAC of the pair's other end
    #[arg(long)]
    pub mac: Option<String>,
    /// An address of the pair's other end, with its prefix
    #[arg(long, value_name = "CIDR")]
    pub address: Vec<IpNet>,
    /// Give the pair's other end a default route to the gateway
    #[arg(long)]
    pub default_route: bool,
    /// Reaches only ports that are not isolated
    #[arg(long)]
    pub isolated: bool,
}

/// Peers.
#[derive(Debug, Subcommand)]
pub enum PeerCommand {
    /// Show peers
    Show(Filter),
    /// Add a peer to a network
    Add(PeerArgs),
    /// Add a peer to a network unless it is there
    Replace(PeerArgs),
    /// Delete a peer that was added by command
    Del(PeerArgs),
}

/// A peer.
#[derive(Debug, Args)]
pub struct PeerArgs {
    /// Its address
    pub address: IpAddr,
    /// The network
    #[arg(long, value_name = "NAME")]
    pub network: String,
}

/// The forwarding database.
#[derive(Debug, Subcommand)]
pub enum FdbCommand {
    /// Show entries
    Show(Filter),
    /// Add an entry
    Add(FdbArgs),
    /// Add an entry, or replace the one that is there
    Replace(FdbArgs),
    /// Delete an entry
    Del {
        /// The station
        mac: String,
        /// The network
        #[arg(long, value_name = "NAME")]
        network: String,
    },
    /// Delete all entries that are not static
    Flush(Filter),
}

/// An FDB entry.
#[derive(Debug, Args)]
pub struct FdbArgs {
    /// The station
    pub mac: String,
    /// The network
    #[arg(long, value_name = "NAME")]
    pub network: String,
    /// The port that it is behind
    #[arg(long, value_name = "INTERFACE", conflicts_with = "peer")]
    pub port: Option<String>,
    /// The peer that it is behind
    #[arg(long, value_name = "ADDR", required_unless_present = "port")]
    pub peer: Option<IpAddr>,
    /// Never ages, never moves, kept across restarts
    #[arg(long = "static", conflicts_with = "sticky")]
    pub fixed: bool,
    /// Ages, but never moves
    #[arg(long)]
    pub sticky: bool,
}

/// Published ports.
#[derive(Debug, Subcommand)]
pub enum PublishCommand {
    /// Show published ports
    Show(Filter),
    /// Publish a port
    Add(PublishArgs),
    /// Publish a port, or change where it leads
    Replace(PublishArgs),
    /// Withdraw a port that was published by command
    Del {
        /// [address:]port[-port]/proto
        listen: String,
    },
}

/// A published port.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// [address:]port[-port]/proto
    pub listen: String,
    /// Where it leads
    #[arg(long, value_name = "ADDR:PORT")]
    pub to: String,
    /// The network
    #[arg(long, value_name = "NAME")]
    pub network: String,
}

/// Translated flows.
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// Show sessions
    Show {
        /// Which
        #[command(flatten)]
        filter: SessionArgs,
        /// Of this network
        #[arg(long, value_name = "NAME")]
        network: Option<String>,
    },
    /// Forget sessions
    Flush(SessionArgs),
}

/// Which sessions.
#[derive(Debug, Args)]
pub struct SessionArgs {
    /// Made so
    #[arg(long)]
    pub kind: Option<KindArg>,
    /// Of this protocol
    #[arg(long)]
    pub proto: Option<ProtoArg>,
    /// With this source
    #[arg(long, value_name = "ADDR")]
    pub src: Option<IpAddr>,
    /// With this destination
    #[arg(long, value_name = "ADDR")]
    pub dst: Option<IpAddr>,
}

/// What made a session.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum KindArg {
    /// Source NAT of a subnet
    Masquerade,
    /// Destination NAT of a published port
    Publish,
}

/// The protocol of a session.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ProtoArg {
    /// TCP
    Tcp,
    /// UDP
    Udp,
    /// ICMP
    Icmp,
}
