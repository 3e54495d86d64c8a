//! The command line: what can be said about each kind of object.

use std::net::IpAddr;

use clap::{Args, Subcommand};

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
