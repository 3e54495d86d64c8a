//! The command line: what stands before and directly behind `netfwd`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::nat::{FloatingCommand, PublishCommand, SessionCommand};
use super::network::{NeighCommand, NetworkCommand};
use super::objects::{FdbCommand, PeerCommand};
use super::port::PortCommand;
use super::values::vlan;

/// Where the configuration is unless `--config` says otherwise.
pub const CONFIG: &str = "/etc/netfwd/netfwd.toml";

/// Which failure is which.
const EXIT_CODES: &str = "\
Exit codes: 0 done, also where who read the output has seen enough, as `head` has; 1 failed, also because \
this host lacks what the configuration names (an interface, a namespace, an address, a larger MTU), or \
an object does or does not exist; 2 a mistake that the command or the configuration shows on any host.";

/// An eBPF overlay forwarder: bridge, VXLAN, masquerade, published ports and floating addresses.
#[derive(Debug, Parser)]
#[command(name = "netfwd", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// Name of the instance [default: the configuration's, else the hostname]
    #[arg(short = 'N', long = "instance", global = true, value_name = "NAME")]
    pub instance: Option<String>,
    /// Print JSON
    #[arg(short, long, global = true)]
    pub json: bool,
    /// Say more; with `run`, log what the data path does
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon in the foreground
    Run {
        /// The configuration file
        #[arg(long, default_value = CONFIG)]
        config: PathBuf,
        /// Remove the data path on exit; what was added by command stays for the next start
        #[arg(long)]
        teardown: bool,
    },
    /// Validate the configuration and this host
    Check {
        /// The configuration file
        #[arg(long, default_value = CONFIG)]
        config: PathBuf,
    },
    /// Show the instance and the hook and mode of every interface
    Status,
    /// Networks
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Ports
    #[command(subcommand)]
    Port(PortCommand),
    /// Peers
    #[command(subcommand)]
    Peer(PeerCommand),
    /// The forwarding database
    #[command(subcommand)]
    Fdb(FdbCommand),
    /// Who has which IP address
    #[command(subcommand)]
    Neigh(NeighCommand),
    /// Published ports
    #[command(subcommand)]
    Publish(PublishCommand),
    /// Floating addresses
    #[command(subcommand)]
    Floating(FloatingCommand),
    /// Translated flows
    #[command(subcommand)]
    Session(SessionCommand),
    /// Show packets, bytes and drops
    Stats {
        /// Show them every second until interrupted
        #[arg(long)]
        watch: bool,
        /// Which
        #[command(flatten)]
        filter: Filter,
    },
    /// Show events as they come, until interrupted; peers go up and down where they are probed (`probe_interval`)
    Monitor {
        /// Of this network only
        #[arg(long, value_name = "NAME")]
        network: Option<String>,
    },
    /// Apply the configuration file again
    Reload,
    /// Remove all that the instance left behind
    Cleanup {
        /// Keep what was added by command, for the next start
        #[arg(long)]
        keep_state: bool,
    },
}

/// Which rows to show.
#[derive(Clone, Debug, Default, Args)]
pub struct Filter {
    /// Of this network
    #[arg(long, value_name = "NAME")]
    pub network: Option<String>,
    /// Of this port
    #[arg(long, value_name = "INTERFACE")]
    pub port: Option<String>,
    /// Of this peer
    #[arg(long, value_name = "ADDR")]
    pub peer: Option<IpAddr>,
    /// Of this station
    #[arg(long)]
    pub mac: Option<String>,
    /// In this VLAN
    #[arg(long, value_name = "N", value_parser = vlan)]
    pub vlan: Option<u16>,
}
