//! Multicast groups: who listens, where routers and queriers are.

use super::plain;
use crate::addr::Addr;

/// Key of `groups`: a flood target takes part in a group. The group `0.0.0.0`, or `::`, stands for a
/// multicast router behind the target; with slot 0 it stands for the querier of the VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct GroupKey {
    /// The network.
    pub network: u32,
    /// Slot of the port or peer.
    pub slot: u32,
    /// The group's address.
    pub group: Addr,
    /// The VLAN.
    pub vlan: u16,
    /// Zero.
    pub pad: u16,
}
plain!(GroupKey, 28);

/// Value of `groups`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Group {
    /// When it ends unless it is refreshed, CLOCK_MONOTONIC in nanoseconds.
    pub expires_ns: u64,
    /// When it began to hold. A querier's begins once its first query can have been answered.
    pub since_ns: u64,
}
plain!(Group, 16);
