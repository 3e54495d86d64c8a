//! The command line: what can be said about each kind of object.

use std::net::IpAddr;

use clap::{Args, Subcommand, ValueEnum};

use super::args::Filter;
use super::values::vlan;
use crate::config::PeerAt;

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
    /// Its address, with its UDP port where that is one of its own
    #[arg(value_name = "ADDR[:PORT]")]
    pub address: PeerAt,
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
        /// The VLAN [default: where the station is]
        #[arg(long, value_name = "N", value_parser = vlan)]
        vlan: Option<u16>,
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
    /// The VLAN [default: that of the port's untagged frames, else the network's]
    #[arg(long, value_name = "N", value_parser = vlan)]
    pub vlan: Option<u16>,
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
