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
    /// This host's VTEP.
    pub vtep: Addr,
    /// Ifindex of the companion device; 0 without one.
    pub companion_ifindex: u32,
    /// UDP port of VXLAN.
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
