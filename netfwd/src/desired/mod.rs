//! What should be: a pure function of configuration, runtime state, ids and what is observed.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use netfwd_common::addr::Mac;

use crate::observed::{Hook, HookAt, Inner, MapState, Neighbour, Program, Sysctl};

/// What should be.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// Name of the instance.
    pub instance: String,
    /// Devices that netfwd makes in its own namespace, by name.
    pub devices: BTreeMap<String, Device>,
    /// Programs to attach.
    pub hooks: BTreeMap<HookAt, Attach>,
    /// Neighbours to keep.
    pub neighbours: BTreeSet<Neighbour>,
    /// Contents of the maps, as far as their interfaces exist already.
    pub maps: MapState,
    /// Counter slots that are given to a new object and must be zeroed.
    pub zero: Vec<u32>,
}

/// A device that netfwd makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// How it is made.
    pub made: Made,
    /// Its MAC; `None` leaves the kernel's choice.
    pub mac: Option<Mac>,
    /// Its MTU.
    pub mtu: u32,
    /// Its addresses.
    pub addresses: BTreeSet<IpNet>,
    /// Its settings.
    pub sysctls: BTreeMap<Sysctl, u8>,
}

/// How a device is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// A veth whose other end is the device of this name in the same namespace.
    Pair {
        /// The other end.
        peer: String,
    },
    /// The other end of a [`Made::Pair`]: made together with it.
    PeerOf {
        /// The end that makes it.
        device: String,
    },
    /// A veth whose other end is in another namespace.
    PairInto(Inner),
    /// The companion: an `external` vxlan device on this UDP port.
    Companion {
        /// UDP port.
        port: u16,
    },
}

/// A program to attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attach {
    /// Which.
    pub program: Program,
    /// XDP in the stack, not in the driver.
    pub generic: bool,
    /// Whether it is an error when the kernel or the driver refuses it; else it is logged once and
    /// observed as refused.
    pub required: bool,
}

impl Attach {
    /// A TC program, which must attach.
    pub const fn tc(program: Program) -> Self {
        Self {
            program,
            generic: false,
            required: true,
        }
    }
}

impl HookAt {
    /// A hook of an interface.
    pub fn new(interface: &str, hook: Hook) -> Self {
        Self {
            interface: interface.to_owned(),
            hook,
        }
    }
}
