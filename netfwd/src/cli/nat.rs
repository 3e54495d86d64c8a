//! The command line: published ports, floating addresses and sessions.

use std::net::IpAddr;

use clap::{Args, Subcommand, ValueEnum};

use super::args::Filter;
use crate::api::SessionQuery;
use crate::config::Affinity;
use crate::runtime::{FloatingSpec, Object, PublishSpec};

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
    /// Where it leads; several times for several targets
    #[arg(long, value_name = "ADDR:PORT", required = true)]
    pub to: Vec<String>,
    /// Whether a client keeps its target
    #[arg(long, default_value = "none")]
    pub affinity: AffinityArg,
    /// The network
    #[arg(long, value_name = "NAME")]
    pub network: String,
}

/// What a client's target depends on.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum AffinityArg {
    /// Its connection
    None,
    /// Its address
    Source,
}

/// Floating addresses.
#[derive(Debug, Subcommand)]
pub enum FloatingCommand {
    /// Show floating addresses
    Show(Filter),
    /// Give a station an address outside
    Add(FloatingArgs),
    /// Give a station an address outside, or change whose it is
    Replace(FloatingArgs),
    /// Take a floating address away that was added by command
    Del {
        /// The address outside
        external: IpAddr,
    },
}

/// A floating address.
#[derive(Debug, Args)]
pub struct FloatingArgs {
    /// The address outside
    pub external: IpAddr,
    /// The station's address
    #[arg(long, value_name = "INTERNAL")]
    pub to: IpAddr,
    /// The station's network
    #[arg(long, value_name = "NAME")]
    pub network: String,
    /// The uplink on which it is answered for [default: the one whose subnet holds it, else the first]
    #[arg(long, value_name = "INTERFACE")]
    pub uplink: Option<String>,
}

/// Translated flows.
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// Show sessions
    Show(SessionArgs),
    /// Forget sessions
    Flush(SessionArgs),
}

/// Which sessions.
#[derive(Debug, Args)]
pub struct SessionArgs {
    /// Made so
    #[arg(long)]
    pub kind: Option<KindArg>,
    /// Of this protocol: tcp, udp, icmp, icmpv6, sctp or a number
    #[arg(long)]
    pub proto: Option<String>,
    /// With this source, on the inside or the outside: an address, address:port or prefix
    #[arg(long, value_name = "ADDR")]
    pub src: Option<String>,
    /// With this destination, on the inside or the outside
    #[arg(long, value_name = "ADDR")]
    pub dst: Option<String>,
    /// Of this network
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
}

/// What made a session.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum KindArg {
    /// Source NAT of a subnet
    Masquerade,
    /// Destination NAT of a published port
    Publish,
    /// Both ways, of a floating address
    Floating,
}

impl From<PublishArgs> for Object {
    fn from(args: PublishArgs) -> Self {
        Self::Publish(PublishSpec {
            listen: args.listen,
            to: args.to,
            affinity: match args.affinity {
                AffinityArg::None => Affinity::None,
                AffinityArg::Source => Affinity::Source,
            },
            network: Some(args.network),
        })
    }
}

impl From<FloatingArgs> for Object {
    fn from(args: FloatingArgs) -> Self {
        Self::Floating(FloatingSpec {
            external: args.external,
            internal: Some(args.to),
            uplink: args.uplink,
            network: Some(args.network),
        })
    }
}

impl From<SessionArgs> for SessionQuery {
    fn from(args: SessionArgs) -> Self {
        let kind = args.kind.map(|kind| match kind {
            KindArg::Masquerade => "masquerade",
            KindArg::Publish => "publish",
            KindArg::Floating => "floating",
        });
        Self {
            kind: kind.map(str::to_owned),
            proto: args.proto,
            src: args.src,
            dst: args.dst,
            network: args.network,
        }
    }
}
