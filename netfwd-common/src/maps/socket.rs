//! What the processes of this host reach other than they name it.

use super::plain;
use crate::addr::Addr;

/// Key of `sockets`: a socket and where it is redirected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct SocketKey {
    /// The kernel's number for the socket, never used twice.
    pub cookie: u64,
    /// The address that its packets go to.
    pub address: Addr,
    /// The l4 port that they go to.
    pub port: u16,
    /// Zero.
    pub pad: [u8; 6],
}
plain!(SocketKey, 32);

/// Value of `sockets`: what the process named, and is told that it talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SocketPeer {
    /// The published or floating address.
    pub address: Addr,
    /// The l4 port.
    pub port: u16,
    /// Zero.
    pub pad: u16,
}
plain!(SocketPeer, 20);
