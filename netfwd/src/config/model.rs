//! What a configuration says, after validation: every value is in range and nothing overlaps.

use std::net::IpAddr;
use std::time::Duration;

use super::{Metrics, Nat, Network, Place, Routing};

/// A whole configuration: the file with its `conf.d`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `[host]`.
    pub host: Host,
    /// `[vxlan]`.
    pub vxlan: Vxlan,
    /// `[nat]`.
    pub nat: Nat,
    /// `[routing]`.
    pub routing: Routing,
    /// `[metrics]`.
    pub metrics: Metrics,
    /// `[[network]]`, in the order of the files.
    pub networks: Vec<Network>,
}

/// `[host]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Name of the instance.
    pub name: Option<String>,
    /// Interfaces that face the underlay or the outside.
    pub uplinks: Vec<String>,
    /// This host's tunnel endpoints; none: the first global address of the first uplink.
    pub vteps: Vec<IpAddr>,
    /// The XDP cache on uplinks.
    pub xdp: XdpPolicy,
    /// Where `uplinks` stands.
    pub uplinks_at: Place,
    /// Where `vtep` stands.
    pub vteps_at: Place,
}

/// Whether uplinks get the XDP program, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XdpPolicy {
    /// In the driver where it is a NIC that takes it.
    #[default]
    Auto,
    /// In the driver, or an error.
    Native,
    /// In the stack.
    Generic,
    /// Never.
    Off,
}

/// `[vxlan]`.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vxlan {
    /// UDP port.
    pub port: u16,
    /// Lowest and highest outer UDP source port.
    pub source_ports: (u16, u16),
    /// Outer TTL.
    pub ttl: u8,
    /// Outer TOS.
    pub tos: Tos,
    /// Whether outer UDP checksums are sent.
    pub udp_checksum: bool,
    /// Whether VXLAN from an address that is no peer is accepted.
    pub accept_unknown: bool,
    /// The outer DF bit.
    pub df: Df,
    /// Whether VXLAN with reserved bits set is refused.
    pub strict: bool,
    /// Whether the MSS that a TCP SYN to a peer announces is lowered to what fits.
    pub mss_clamp: bool,
    /// How peers are probed; absent: they are not.
    pub probe: Option<Probe>,
}

impl Default for Vxlan {
    fn default() -> Self {
        Self {
            port: 4789,
            source_ports: (49152, 65535),
            ttl: 64,
            tos: Tos::Inherit,
            udp_checksum: false,
            accept_unknown: false,
            df: Df::Set,
            strict: false,
            mss_clamp: true,
            probe: None,
        }
    }
}

/// The DF bit of the outer IPv4 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Df {
    /// Set.
    Set,
    /// Not set: routers may fragment.
    Unset,
    /// The inner header's; set over an inner IPv6 packet.
    Inherit,
}

/// How peers are probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Time between two probes of a peer.
    pub interval: Duration,
    /// Probes without an answer, one after the other, that mark a peer down.
    pub failures: u32,
}

/// The outer TOS octet; its ECN bits always follow RFC 6040.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tos {
    /// The inner header's.
    Inherit,
    /// This one.
    Fixed(u8),
}
