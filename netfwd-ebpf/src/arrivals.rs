//! The way of a known peer's station's frames to a known station behind a port, remembered per CPU as
//! in [`crate::express`], for TC and XDP alike.

use netfwd_common::{
    addr, csum, ecn,
    limits::STAMP_INTERVAL_NS,
    maps::{Arrival, FdbEntry, FdbFlags},
    nat::proto,
};

use crate::{
    express::{jiffies, place, stands},
    frame::{Frame, Octets},
    maps,
    parse::{ETH_LEN, IP_LEN, ether_type},
    uplink::Seen,
    vxlan::{decap::Tunnel, encap::Version},
};

/// Octets of an IPv6 header.
const IP6_LEN: usize = 40;
/// What follows the outer IP header in front of the inner frame: UDP and VXLAN.
const UDP_VXLAN: usize = 16;
/// Octets of a UDP header.
const UDP_LEN: usize = 8;
/// Where the VXLAN header stands over IPv4.
const VXLAN_V4: usize = ETH_LEN + IP_LEN + UDP_LEN;
/// The same over IPv6.
const VXLAN_V6: usize = ETH_LEN + IP6_LEN + UDP_LEN;
/// The first word of a VXLAN header with the I flag and no reserved bit.
const VXLAN: u32 = u32::from_ne_bytes([0x08, 0, 0, 0]);

/// What an arriving frame's way is remembered by; its outer headers agree with one another and have
/// nothing unusual.
pub struct Lane {
    outer: [u64; 4],
    mac: u64,
    head: u64,
    tail: u32,
    vni: u32,
    port: u32,
    ifindex: u32,
    epoch: u64,
    tos: u8,
    version: Version,
    /// Octets of the frame.
    pub octets: usize,
    element: &'static mut Arrival,
}

/// An outer IP header: where UDP starts, what the addresses are, the TOS; `None` for one that is unusual.
#[inline(always)]
fn outer_v4(o: &Octets, octets: usize) -> Option<([u64; 4], u8, usize)> {
    const FRAGMENT: u16 = u16::from_ne_bytes([0xbf, 0xff]);
    let total = usize::from(u16::from_be(o.u16(16)));
    let usual = o.u8(14) == 0x45 && o.u16(20) & FRAGMENT == 0 && o.u8(23) == proto::UDP;
    if !usual
        || ETH_LEN + total != octets
        || !csum::is_intact([14, 18, 22, 26, 30].map(|at| o.u32(at)))
    {
        return None;
    }
    Some(([o.u64(26), 0, 0, 0], o.u8(15), total.wrapping_sub(IP_LEN)))
}

#[inline(always)]
fn outer_v6(o: &Octets, octets: usize) -> Option<([u64; 4], u8, usize)> {
    let payload = usize::from(u16::from_be(o.u16(18)));
    let usual = o.u8(14) >> 4 == 6 && o.u8(20) == proto::UDP;
    if !usual || ETH_LEN + IP6_LEN + payload != octets {
        return None;
    }
    let tos = (o.u8(14) << 4) | (o.u8(15) >> 4);
    Some(([o.u64(22), o.u64(30), o.u64(38), o.u64(46)], tos, payload))
}

/// Octets that a frame with a lane has at least.
const LEAST: usize = ETH_LEN + IP6_LEN + UDP_VXLAN + ETH_LEN;

/// The IP version of the outer header of a frame that has a VXLAN header: what has none differs there most of all.
#[inline(always)]
pub fn version(frame: &impl Frame) -> Option<Version> {
    const IPV4: u16 = ether_type::IPV4.to_be();
    const IPV6: u16 = ether_type::IPV6.to_be();
    let o = Octets::of(frame, LEAST)?;
    match o.u16(12) {
        IPV4 if o.u32(VXLAN_V4) == VXLAN => Some(Version::V4),
        IPV6 if o.u32(VXLAN_V6) == VXLAN => Some(Version::V6),
        _ => None,
    }
}

impl Lane {
    /// The lane of a frame on an uplink. The epoch is read before anything is looked up.
    #[inline(always)]
    pub fn of(frame: &impl Frame, ifindex: u32) -> Option<Self> {
        match version(frame)? {
            Version::V4 => Self::of_v4(frame, ifindex),
            Version::V6 => Self::of_v6(frame, ifindex),
        }
    }

    /// The same of a frame that [`version`] takes for VXLAN over IPv4.
    #[inline(always)]
    pub fn of_v4(frame: &impl Frame, ifindex: u32) -> Option<Self> {
        let (o, octets) = (Octets::of(frame, LEAST)?, frame.octets());
        let ip = outer_v4(&o, octets)?;
        Self::behind(&o, ip, (octets, ifindex), Version::V4)
    }

    /// The same over IPv6.
    #[inline(always)]
    pub fn of_v6(frame: &impl Frame, ifindex: u32) -> Option<Self> {
        let (o, octets) = (Octets::of(frame, LEAST)?, frame.octets());
        let ip = outer_v6(&o, octets)?;
        Self::behind(&o, ip, (octets, ifindex), Version::V6)
    }

    #[inline(always)]
    fn behind(
        o: &Octets,
        (outer, tos, payload): ([u64; 4], u8, usize),
        (octets, ifindex): (usize, u32),
        version: Version,
    ) -> Option<Self> {
        let udp = match version {
            Version::V4 => VXLAN_V4 - UDP_LEN,
            Version::V6 => VXLAN_V6 - UDP_LEN,
        };
        let len = usize::from(u16::from_be(o.u16(udp + 4)));
        let no_checksum = o.u16(udp + 6) == 0;
        if len != payload || !no_checksum || len < UDP_VXLAN + ETH_LEN {
            return None;
        }
        let (head, tail) = (o.u64(udp + 16), o.u32(udp + 24));
        Some(Self {
            outer,
            mac: o.u64(0) & addr::MAC_WORD,
            head,
            tail,
            vni: o.u32(udp + 12),
            port: u32::from(o.u16(udp + 2)) | (version as u32) << 16,
            ifindex,
            epoch: maps::epoch(),
            tos,
            version,
            octets,
            element: maps::arrival(place(head, tail, ifindex))?,
        })
    }

    /// The way of the last frame of this kind, and what of this one says whether it can take it; `None`
    /// where there is none, or the frame has news for another path.
    #[inline(always)]
    pub fn known(&self, frame: &impl Frame) -> Option<(&Arrival, Seen)> {
        let way = &*self.element;
        let same = way.head == self.head
            && way.tail == self.tail
            && way.port == self.port
            && way.mac == self.mac
            && way.vni == self.vni
            && way.ifindex == self.ifindex
            && self.is_outer(&way.outer);
        if !same || !stands(way.epoch, way.since, self.epoch) {
            return None;
        }
        let (seen, tos) = self.inner(frame)?;
        (ecn::decapsulate(self.tos, tos) == Some(tos)).then_some((way, seen))
    }

    /// Whether these are its outer addresses, of an element of the same version. Word by word: of arrays that are
    /// compared the compiler loads every octet by itself.
    #[inline(always)]
    fn is_outer(&self, outer: &[u64; 4]) -> bool {
        let [a, b, c, d] = self.outer;
        outer[0] == a
            && (self.version == Version::V4 || outer[1] == b && outer[2] == c && outer[3] == d)
    }

    /// What the inner packet is, and its TOS, where it is IP and whole.
    #[inline(always)]
    fn inner(&self, frame: &impl Frame) -> Option<(Seen, u8)> {
        const IPV4: u16 = ether_type::IPV4.to_be();
        const IPV6: u16 = ether_type::IPV6.to_be();
        let start = self.version.octets();
        // Constants, so that the verifier knows where it is read.
        let o = match self.version {
            Version::V4 => Octets::of(frame, Version::V4.octets() + ETH_LEN + IP_LEN)?,
            Version::V6 => Octets::of(frame, Version::V6.octets() + ETH_LEN + IP_LEN)?,
        };
        let ip = start + ETH_LEN;
        let (ether_type, tos, proto, end) = match o.u16(start + 12) {
            IPV4 => {
                let total = usize::from(u16::from_be(o.u16(ip + 2)));
                let first = o.u8(ip);
                let header = usize::from(first & 0xf) * 4;
                if first >> 4 != 4 || header < IP_LEN || total < header {
                    return None;
                }
                (ether_type::IPV4, o.u8(ip + 1), o.u8(ip + 9), ip + total)
            }
            IPV6 => {
                let (a, b) = (o.u8(ip), o.u8(ip + 1));
                if a >> 4 != 6 {
                    return None;
                }
                let end = ip + IP6_LEN + usize::from(u16::from_be(o.u16(ip + 4)));
                (ether_type::IPV6, (a << 4) | (b >> 4), o.u8(ip + 6), end)
            }
            _ => return None,
        };
        let seen = Seen {
            version: self.version,
            ether_type,
            proto,
        };
        (end <= self.octets).then_some((seen, tos))
    }

    /// Remembers where frames of this kind go, unless the destination is about to age or needs a tag, or the
    /// way of other stations has the place.
    #[inline(always)]
    pub fn remember(self, tunnel: &Tunnel, target: &FdbEntry, uplink_slot: u32, now: u64) {
        let age = now.saturating_sub(target.last_seen_ns) + STAMP_INTERVAL_NS;
        let lasts = target.flags.has(FdbFlags::STATIC) || age <= tunnel.network.ageing_ns;
        let way = &*self.element;
        let others = way.head != self.head || way.tail != self.tail;
        let taken = others && stands(way.epoch, way.since, self.epoch);
        if !lasts || target.tag != 0 || taken {
            return;
        }
        *self.element = Arrival {
            outer: self.outer,
            mac: self.mac,
            head: self.head,
            tail: self.tail,
            vni: self.vni,
            epoch: self.epoch,
            since: jiffies(),
            ifindex: self.ifindex,
            port: self.port,
            uplink_slot,
            rx_slot: tunnel.slot,
            tx_slot: target.slot,
            target: target.ifindex,
            deliver: u32::from(target.deliver),
            xdp: u32::from(target.flags.has(FdbFlags::XDP_TARGET)),
        };
    }
}
