//! What the programs must know of the host.

use super::{flags, plain};
use crate::addr::Addr;

flags! {
    /// Switches of the instance.
    ConfigFlags: u32 {
        /// VXLAN from an address that is no peer is accepted.
        UNKNOWN_SOURCES = 1;
        /// The outer TOS is inherited from the inner header.
        TOS_INHERIT = 1 << 1;
        /// Outer UDP checksums are sent; such frames take the companion device.
        UDP_CHECKSUM = 1 << 2;
        /// VXLAN with reserved bits set is refused, as Linux does by default.
        STRICT = 1 << 3;
        /// The outer IPv4 header says DF.
        DF = 1 << 4;
        /// The outer IPv4 header says DF where the inner one does, and over an inner IPv6 packet.
        DF_INHERIT = 1 << 5;
        /// The MSS that a TCP SYN to a peer announces is lowered to what fits.
        MSS_CLAMP = 1 << 6;
    }
}

/// The one value of `config`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Config {
    /// [`crate::limits::LAYOUT`] of the loader that wrote it.
    pub layout: u32,
    /// Switches.
    pub flags: ConfigFlags,
    /// This host's first VTEP; all of them are in `vteps`.
    pub vtep: Addr,
    /// Ifindex of the companion device on `vxlan_port`; 0 without one. Others are in `vxlan_ports`.
    pub companion_ifindex: u32,
    /// UDP port of VXLAN, where a peer has none of its own.
    pub vxlan_port: u16,
    /// Lowest outer UDP source port.
    pub source_port_low: u16,
    /// Highest outer UDP source port.
    pub source_port_high: u16,
    /// Lowest l4 port that masquerade may use.
    pub nat_port_low: u16,
    /// Highest l4 port that masquerade may use.
    pub nat_port_high: u16,
    /// Outer TTL.
    pub ttl: u8,
    /// Outer TOS where it is not inherited.
    pub tos: u8,
}
plain!(Config, 40);
