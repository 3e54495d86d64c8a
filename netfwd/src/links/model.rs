//! Interfaces, addresses and neighbours as plain data.

use std::net::IpAddr;

use ipnet::IpNet;
use netfwd_common::addr::Mac;

use crate::config::TapKind;
use crate::targets::Answer;

/// An address of an interface, with its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address and its prefix length; host bits are kept.
    pub net: IpNet,
    /// Its scope is global.
    pub global: bool,
    /// It can be used: neither tentative, deprecated nor a duplicate; of a group, that what is sent to
    /// it leaves the host.
    pub usable: bool,
    /// netfwd gave it to the interface.
    pub ours: bool,
}

/// What makes a VXLAN device collide with ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vxlan {
    /// UDP port it listens on.
    pub port: u16,
    /// Its VNI, 0 for a metadata device.
    pub vni: u32,
    /// It takes its tunnel parameters from each packet ("external").
    pub external: bool,
    /// It takes and sends zero UDP checksums over IPv6.
    pub zero_checksum: bool,
    /// Lowest and highest UDP source port of what it sends.
    pub source_ports: (u16, u16),
}

/// The XDP program on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xdp {
    /// The kernel's id of the program.
    pub program_id: u32,
    /// It runs in the driver.
    pub native: bool,
}

/// An interface.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the kernel's"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The kernel's number for it.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its kind as `ip -details link` shows it (`veth`, `vxlan`, `tun` …), empty for hardware.
    pub kind: String,
    /// Its alias; netfwd marks what it makes as `netfwd:INSTANCE`.
    pub alias: Option<String>,
    /// Its MAC address; `None` where it has none of six octets.
    pub mac: Option<Mac>,
    /// Octets of its largest packet.
    pub mtu: u32,
    /// It is administratively up.
    pub up: bool,
    /// It has a carrier.
    pub carrier: bool,
    /// It is the loopback.
    pub loopback: bool,
    /// Somebody switched promiscuous mode on by netlink, as `ip link set … promisc on` does.
    pub promiscuous: bool,
    /// The other end of a veth is in another network namespace.
    pub peer_elsewhere: bool,
    /// The ifindex of a veth's other end or of the device beneath, in its own namespace.
    pub peer_index: Option<u32>,
    /// The bridge or bond that it is a port of.
    pub master: Option<u32>,
    /// Present on a VXLAN device.
    pub vxlan: Option<Vxlan>,
    /// Present on a tap.
    pub tap: Option<TapKind>,
    /// Present while an XDP program is attached.
    pub xdp: Option<Xdp>,
    /// Its addresses, in the kernel's order.
    pub addresses: Vec<Address>,
}

impl Link {
    /// Its first usable global address that `family` accepts.
    pub fn first_global(&self, family: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
        self.addresses
            .iter()
            .filter(|a| a.global && a.usable)
            .map(|a| a.net.addr())
            .find(|a| family(a))
    }

    /// Whether it is the other end of a veth in another namespace.
    pub fn is_other_end_of(&self, host: &Self) -> bool {
        let ends = (host.peer_index, self.peer_index);
        self.kind == host.kind && ends == (Some(self.index), Some(host.index))
    }

    /// Whether its alias says that this instance made it.
    pub fn is_made_by(&self, instance: &str) -> bool {
        self.alias.as_deref() == Some(crate::naming::alias(instance).as_str())
    }
}

/// An entry of a neighbour table that somebody set: permanent or kept by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The interface.
    pub ifindex: u32,
    /// The neighbour's address.
    pub address: IpAddr,
    /// Its MAC address, where known.
    pub mac: Option<Mac>,
    /// Never aged.
    pub permanent: bool,
    /// Resolved and kept fresh by the kernel itself (NTF_EXT_MANAGED).
    pub managed: bool,
    /// Whether it answers.
    pub answer: Answer,
}
