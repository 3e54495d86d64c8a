//! The flow that a packet belongs to, as sessions know it.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{Addr, V4_WORD, from_v4},
    maps::SessionKey,
    nat::proto,
    nd,
};
use network_types::ip::Ipv6Hdr;

use crate::{
    frame::{Frame, Octets},
    icmpv6,
    parse::{ETH_LEN, IP_LEN, Ipv4, Ipv6, L4, MF_AND_OFFSET, ether_type},
    skb,
};

/// What of an IP packet a frame has.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Part {
    /// All of it, or the first fragment: the l4 header is there.
    Head = 0,
    /// A fragment behind the first.
    Later = 1,
}

/// The flow that a translatable packet belongs to.
#[repr(C)]
pub struct Flow {
    /// The key of its session.
    pub key: SessionKey,
    /// Octets of the IP packet.
    pub total_len: u32,
    /// Where the l4 header starts in the frame.
    pub l4: u32,
    /// The EtherType.
    pub ether_type: u16,
    /// TCP flags.
    pub tcp_flags: u8,
    /// Time or hops to live.
    pub ttl: u8,
    /// A [`Part`].
    pub part: u8,
    /// Zero: what stands behind it in the scratch is copied in words of eight octets.
    pub pad: [u8; 7],
}

const _: () = assert!(size_of::<Flow>() == 64);

/// What a packet is to translation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// A flow's, which now stands in the [`Flow`].
    Flow,
    /// A fragment.
    Fragment,
    /// An ICMP error about another packet.
    Error,
    /// Nothing that is translated: neighbour discovery, multicast listeners, an ICMP message of another kind.
    Local,
    /// It contradicts itself, or is cut off.
    Malformed,
}

/// What stands in front of an l4 header.
struct Ip {
    proto: u8,
    l4: usize,
    /// Octets from the l4 header on.
    payload: usize,
}

impl Flow {
    /// Whether this is a fragment behind the first, which has no l4 header.
    #[inline(always)]
    pub fn is_later(&self) -> bool {
        self.part == Part::Later as u8
    }

    /// Whether it is a whole packet of TCP or UDP over IPv4 without options.
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        self.is_v4()
            && self.l4 == L4 as u32
            && self.part == Part::Head as u8
            && matches!(self.key.proto, proto::TCP | proto::UDP)
    }

    /// Whether it is an IPv4 packet.
    #[inline(always)]
    pub fn is_v4(&self) -> bool {
        self.ether_type == ether_type::IPV4
    }

    /// Reads the flow of a packet behind an Ethernet header, seen from `network`, or from outside where
    /// that is 0.
    #[inline(always)]
    pub fn read(&mut self, ctx: &TcContext, kind: u16, network: u32) -> Reading {
        self.key.network = network;
        self.key.pad = [0; 3];
        self.ether_type = kind;
        self.part = Part::Head as u8;
        self.tcp_flags = 0;
        match kind {
            ether_type::IPV4 if self.plain_v4(ctx) => Reading::Flow,
            ether_type::IPV4 => self.ipv4(ctx),
            ether_type::IPV6 => self.ipv6(ctx),
            _ => Reading::Local,
        }
    }

    /// Reads what most packets are: TCP or UDP over IPv4 without options, whole. It is read and written in
    /// words: pieced together of octets, the key would wait in the store buffer for the hash that reads it.
    #[inline(always)]
    fn plain_v4(&mut self, ctx: &TcContext) -> bool {
        const HEADERS: usize = L4 + 8;
        let Some(packet) = Octets::of(ctx, HEADERS) else {
            return false;
        };
        let total_len = u16::from_be(packet.u16(ETH_LEN + 2));
        let whole = packet.u16(ETH_LEN + 6) & MF_AND_OFFSET.to_be() == 0;
        if packet.u8(ETH_LEN) != 0x45 || !whole || ETH_LEN + usize::from(total_len) > ctx.octets() {
            return false;
        }
        let [ttl, proto] = packet.u16(ETH_LEN + 8).to_ne_bytes();
        let least = match proto {
            proto::UDP => 28,
            proto::TCP => 40,
            _ => return false,
        };
        if total_len < least {
            return false;
        }
        if proto == proto::TCP {
            self.tcp_flags = ctx.read::<1>(L4 + 13).map_or(0, |[flags]| flags);
        }
        self.total_len = total_len.into();
        self.l4 = L4 as u32;
        self.ttl = ttl;
        let (src, dst) = (packet.u32(ETH_LEN + 12), packet.u32(ETH_LEN + 16));
        let ports = [packet.u16(L4), packet.u16(L4 + 2)].map(u16::from_be);
        self.set_words(src, dst, ports, proto);
        true
    }

    /// Writes the key of an IPv4 flow in words.
    #[inline(always)]
    fn set_words(&mut self, src: u32, dst: u32, [src_port, dst_port]: [u16; 2], proto: u8) {
        const WORDS: usize = size_of::<SessionKey>() / size_of::<u32>();
        let ([a, b], [c, d]) = (src_port.to_ne_bytes(), dst_port.to_ne_bytes());
        let ports = u32::from_ne_bytes([a, b, c, d]);
        let last = u32::from_ne_bytes([proto, 0, 0, 0]);
        let network = self.key.network;
        let words: [u32; WORDS] = [0, 0, V4_WORD, src, 0, 0, V4_WORD, dst, network, ports, last];
        // SAFETY: the key is eleven words without padding, in this order: both addresses, the network, both l4
        // ports, and the protocol with zeros behind it.
        unsafe { (&raw mut self.key).cast::<[u32; WORDS]>().write(words) };
    }

    #[inline(always)]
    fn ipv4(&mut self, ctx: &TcContext) -> Reading {
        let Some(ip) = Ipv4::read(ctx, ETH_LEN) else {
            return Reading::Malformed;
        };
        if !ip.fits(ctx, ETH_LEN) {
            return Reading::Malformed;
        }
        self.ends(from_v4(ip.src), from_v4(ip.dst));
        self.total_len = ip.total_len.into();
        self.ttl = ip.ttl;
        if ip.fragment {
            return Reading::Fragment;
        }
        let ip = Ip {
            proto: ip.proto,
            l4: ETH_LEN + ip.header_len,
            payload: usize::from(ip.total_len) - ip.header_len,
        };
        if ip.l4 == ETH_LEN + IP_LEN {
            // A constant: the packet is read directly.
            return self.l4(
                ctx,
                &Ip {
                    l4: ETH_LEN + IP_LEN,
                    ..ip
                },
            );
        }
        self.far(ctx, &ip)
    }

    #[inline(always)]
    fn ipv6(&mut self, ctx: &TcContext) -> Reading {
        const FRAGMENT: u8 = 44;
        const L4: usize = ETH_LEN + Ipv6Hdr::LEN;
        let Some(ip) = Ipv6::read(ctx, ETH_LEN) else {
            return Reading::Malformed;
        };
        if ETH_LEN + ip.total_len > ctx.octets() {
            return Reading::Malformed;
        }
        self.ends(ip.src, ip.dst);
        self.total_len = ip.total_len as u32;
        self.ttl = ip.hops;
        match ip.next_header {
            FRAGMENT => Reading::Fragment,
            0 | 43 | 60 => self.extended(ctx),
            proto => self.l4(
                ctx,
                &Ip {
                    proto,
                    l4: L4,
                    payload: ip.total_len - Ipv6Hdr::LEN,
                },
            ),
        }
    }

    #[inline(always)]
    fn ends(&mut self, src: Addr, dst: Addr) {
        self.key.src = src;
        self.key.dst = dst;
    }

    /// A packet with extension headers.
    #[inline(never)]
    fn extended(&mut self, ctx: &TcContext) -> Reading {
        const FRAGMENT: u8 = 44;
        let Some(l4) = icmpv6::locate(ctx) else {
            return Reading::Malformed;
        };
        let end = ETH_LEN + self.total_len as usize;
        if l4.proto == FRAGMENT {
            return Reading::Fragment;
        }
        if l4.offset > end {
            return Reading::Malformed;
        }
        let ip = Ip {
            proto: l4.proto,
            l4: l4.offset,
            payload: end - l4.offset,
        };
        self.far(ctx, &ip)
    }

    /// A packet whose l4 header stands elsewhere than it mostly does: read by the helper.
    #[inline(never)]
    fn far(&mut self, ctx: &TcContext, ip: &Ip) -> Reading {
        let (mut head, mut flags) = ([0; 8], [0]);
        if !skb::read_into(ctx, ip.l4, &mut head) {
            head = [0; 8];
        }
        if ip.proto == proto::TCP && !skb::read_into(ctx, ip.l4 + 13, &mut flags) {
            return Reading::Malformed;
        }
        self.tcp_flags = flags[0];
        self.found(ip, head)
    }

    #[inline(always)]
    fn l4(&mut self, ctx: &TcContext, ip: &Ip) -> Reading {
        let head = ctx.read::<8>(ip.l4).unwrap_or([0; 8]);
        if ip.proto == proto::TCP {
            self.tcp_flags = ctx.read::<1>(ip.l4 + 13).map_or(0, |[flags]| flags);
        }
        self.found(ip, head)
    }

    /// Completes the flow from the first octets of the l4 header.
    #[inline(always)]
    fn found(&mut self, ip: &Ip, head: [u8; 8]) -> Reading {
        if ip.payload < least(ip.proto) {
            return Reading::Malformed;
        }
        self.l4 = ip.l4 as u32;
        self.key.proto = ip.proto;
        let (src_port, dst_port) = match ends(ip.proto, head) {
            Ends::Ports(src, dst) => (src, dst),
            Ends::Error => return Reading::Error,
            Ends::Local => return Reading::Local,
        };
        self.key.src_port = src_port;
        self.key.dst_port = dst_port;
        Reading::Flow
    }
}

/// Octets of the shortest l4 header.
#[inline(always)]
const fn least(protocol: u8) -> usize {
    match protocol {
        proto::TCP => 20,
        proto::UDP | proto::ICMP | proto::ICMPV6 => 8,
        proto::SCTP => 12,
        _ => 0,
    }
}

/// What tells a flow from others between two addresses.
enum Ends {
    /// L4 ports; zero where the protocol has none.
    Ports(u16, u16),
    /// An ICMP error.
    Error,
    /// A message that is not for translation.
    Local,
}

/// The l4 ports of a header that starts with `b`. A query's identifier takes the place of the port of
/// the side that asks, so that both directions read as one session.
#[inline(always)]
fn ends(protocol: u8, b: [u8; 8]) -> Ends {
    let id = u16::from_be_bytes([b[4], b[5]]);
    match (protocol, b[0]) {
        (proto::TCP | proto::UDP | proto::SCTP, _) => Ends::Ports(
            u16::from_be_bytes([b[0], b[1]]),
            u16::from_be_bytes([b[2], b[3]]),
        ),
        // Echo and timestamp (RFC 792).
        (proto::ICMP, 8 | 13) | (proto::ICMPV6, 128) => Ends::Ports(id, 0),
        (proto::ICMP, 0 | 14) | (proto::ICMPV6, 129) => Ends::Ports(0, id),
        (proto::ICMP, 3 | 11 | 12) | (proto::ICMPV6, 1..=4) => Ends::Error,
        (proto::ICMP | proto::ICMPV6, _) => Ends::Local,
        _ => Ends::Ports(0, 0),
    }
}

/// Whether an `ICMPv6` message is a question for a neighbour.
#[inline(always)]
pub fn is_solicitation(ctx: &TcContext) -> bool {
    const NEXT_HEADER: usize = ETH_LEN + 6;
    const TYPE: usize = ETH_LEN + Ipv6Hdr::LEN;
    let (mut next, mut kind) = ([0], [0]);
    let whole = skb::read_into(ctx, NEXT_HEADER, &mut next) && skb::read_into(ctx, TYPE, &mut kind);
    whole && next[0] == proto::ICMPV6 && kind[0] == nd::SOLICITATION
}
