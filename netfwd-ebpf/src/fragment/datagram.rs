//! Reading what fragments say of their datagram.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::from_v4,
    fragment::{place_v4, place_v6},
    maps::FragmentKey,
    nat::proto,
};
use network_types::ip::Ipv6Hdr;

use crate::{
    flow::{Flow, Part},
    icmpv6,
    parse::{ETH_LEN, IP_LEN},
    skb,
};

/// IPv6's fragment header, as the header before it names it, and its octets.
const FRAGMENT: u8 = 44;
const FRAGMENT_LEN: usize = 8;

/// A fragment, in this CPU's scratch.
#[repr(C)]
pub struct Datagram {
    /// What it shares with the others.
    pub key: FragmentKey,
    /// Where its payload starts.
    pub l4: u32,
    /// Where that belongs in the datagram.
    pub offset: u32,
    /// Octets of it.
    pub octets: u32,
    /// 1 where others follow.
    pub more: u32,
}

impl Datagram {
    /// Reads an IPv4 packet; says whether it is whole.
    #[inline(never)]
    pub fn read_v4(&mut self, ctx: &TcContext) -> bool {
        let mut ip = [0; IP_LEN];
        let read = skb::read_into(ctx, ETH_LEN, &mut ip);
        let header = u32::from(ip[0] & 0x0f) * 4;
        let total = u32::from(u16::from_be_bytes([ip[2], ip[3]]));
        let fits = ETH_LEN as u32 + total <= ctx.len();
        if !read || ip[0] >> 4 != 4 || header < IP_LEN as u32 || total < header || !fits {
            return false;
        }
        let (offset, more) = place_v4(u16::from_be_bytes([ip[6], ip[7]]));
        self.key = FragmentKey {
            src: from_v4([ip[12], ip[13], ip[14], ip[15]]),
            dst: from_v4([ip[16], ip[17], ip[18], ip[19]]),
            network: 0,
            id: u32::from(u16::from_be_bytes([ip[4], ip[5]])),
            proto: ip[9],
            pad: [0; 3],
        };
        self.l4 = ETH_LEN as u32 + header;
        self.octets = total - header;
        (self.offset, self.more) = (offset, u32::from(more));
        true
    }

    /// Reads an IPv6 packet; says whether it is whole, and a fragment.
    #[inline(never)]
    pub fn read_v6(&mut self, ctx: &TcContext) -> bool {
        let Some(found) = icmpv6::locate(ctx) else {
            return false;
        };
        let mut len = [0; 2];
        let mut header = [0; FRAGMENT_LEN];
        let read = skb::read_into(ctx, ETH_LEN + 4, &mut len)
            && skb::read_into(ctx, ETH_LEN + 8, &mut self.key.src.octets)
            && skb::read_into(ctx, ETH_LEN + 24, &mut self.key.dst.octets)
            && skb::read_into(ctx, found.offset, &mut header);
        let end = (ETH_LEN + Ipv6Hdr::LEN) as u32 + u32::from(u16::from_be_bytes(len));
        let l4 = (found.offset + FRAGMENT_LEN) as u32;
        if !read || found.proto != FRAGMENT || end > ctx.len() || l4 > end {
            return false;
        }
        let [next, _, high, low, id @ ..] = header;
        let (offset, more) = place_v6(u16::from_be_bytes([high, low]));
        self.key.network = 0;
        self.key.id = u32::from_be_bytes(id);
        self.key.proto = next;
        self.key.pad = [0; 3];
        self.l4 = l4;
        self.octets = end - l4;
        (self.offset, self.more) = (offset, u32::from(more));
        true
    }

    /// Describes the fragment as a packet of its flow: which part it is, and what its l4 header says.
    #[inline(always)]
    pub fn describe(&self, ctx: &TcContext, flow: &mut Flow) {
        const TCP_FLAGS: usize = 13;
        flow.key.proto = self.key.proto;
        flow.l4 = self.l4;
        flow.tcp_flags = 0;
        flow.part = Part::Later as u8;
        if self.offset != 0 {
            return;
        }
        flow.part = Part::Head as u8;
        if self.key.proto == proto::TCP {
            let mut flags = [0; 1];
            skb::read_into(ctx, self.l4 as usize + TCP_FLAGS, &mut flags);
            flow.tcp_flags = flags[0];
        }
    }
}
