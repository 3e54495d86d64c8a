//! The errors that tell a sender what fits: ICMP "fragmentation needed" (RFC 792, RFC 1191 §4) and
//! `ICMPv6` "packet too big" (RFC 4443 §3.2); and that a packet has made as many hops as it may.
//!
//! What is answered and what is quoted follows the kernel's own answer on behalf of a tunnel that is a
//! bridge's port, net/ipv4/ip_tunnel_core.c, `iptunnel_pmtud_check_icmp` and
//! `iptunnel_pmtud_check_icmpv6`, but for DF: there an IPv4 packet without DF gets no answer, because the
//! kernel then encapsulates it and fragments the outer packet. Here the outer packet says DF, so that
//! packet would be lost in silence. A Linux sender takes the answer in any case: net/ipv4/icmp.c,
//! `icmp_unreach`, and net/ipv4/udp.c, `__udp4_lib_err`, lower the route's MTU without a look at the DF
//! of the packet that is quoted, and net/ipv4/ip_output.c, `ip_finish_output`, then fragments what the
//! socket sends without DF.

use crate::{
    addr::{Addr, Mac},
    csum,
    nd::ICMPV6,
};

/// Octets of an IPv4 error: what every host takes unfragmented (RFC 1812 §4.3.2.3).
pub const V4_LEN: usize = 576;
/// Octets that an IPv4 error quotes: the rest behind its own IPv4 and ICMP headers.
pub const V4_QUOTE: usize = V4_LEN - 20 - 8;
/// Octets of an IPv6 error: the least MTU of any link (RFC 4443 §2.4 c).
pub const V6_LEN: usize = 1280;
/// Octets that an IPv6 error quotes.
pub const V6_QUOTE: usize = V6_LEN - 40 - 8;
/// Octets in front of the quote: Ethernet, IPv4, ICMP.
pub const V4_HEADERS: usize = 14 + 20 + 8;
/// The same for IPv6.
pub const V6_HEADERS: usize = 14 + 40 + 8;

const ICMP: u8 = 1;
const UNREACHABLE: u8 = 3;
const FRAGMENTATION_NEEDED: u8 = 4;
const PACKET_TOO_BIG: u8 = 2;
const TIME_EXCEEDED: u8 = 11;
const TIME_EXCEEDED_V6: u8 = 3;
const REDIRECT_V6: u8 = 137;
const FRAGMENT_OFFSET: u16 = 0x1fff;

/// Whether the sender of an IPv4 packet may be told an MTU. `icmp` is the ICMP type of what follows the
/// header, and is looked at where that is ICMP.
///
/// Nobody is told less than 576 octets, as the kernel does not: the quote alone has as many.
#[inline(always)]
pub const fn may_tell_v4(header: &[u8; 20], icmp: u8, mtu: u32) -> bool {
    let offset = u16::from_be_bytes([header[6], header[7]]) & FRAGMENT_OFFSET;
    let is_error = header[9] == ICMP && matches!(icmp, UNREACHABLE | 4 | 5 | 11 | 12);
    mtu as usize >= V4_LEN
        && offset == 0
        && !is_error
        && is_one_v4(header[12])
        && is_one_v4(header[16])
}

/// Whether an IPv4 address that begins so is one station's that others may reach: 0/8 is nobody's, 127/8
/// stays in a host, and from 224/4 on are groups and the broadcast address.
#[inline(always)]
const fn is_one_v4(first: u8) -> bool {
    !matches!(first, 0 | 127 | 224..)
}

/// Whether the sender of an IPv6 packet may be told an MTU. `proto` and `icmp` are the header behind all
/// extension headers and its first octet.
///
/// Every link carries 1280 octets, and nobody sends less for being told so (RFC 8200 §5). A group as
/// the destination could be answered (RFC 4443 §2.4 e), but not from the group's address.
#[inline(always)]
pub const fn may_tell_v6(src: &Addr, dst: &Addr, proto: u8, icmp: u8, mtu: u32) -> bool {
    let is_error = proto == ICMPV6 && (icmp < 128 || icmp == REDIRECT_V6);
    mtu as usize >= V6_LEN && !is_error && is_one_v6(src) && is_one_v6(dst)
}

/// Whether an IPv6 address is one station's that others may reach: no group, not `::`, not `::1`.
#[inline(always)]
const fn is_one_v6(address: &Addr) -> bool {
    let number = u128::from_be_bytes(address.octets);
    address.octets[0] != 0xff && number > 1
}

/// Whether an IPv6 fragment header stands in front of a later part of a packet.
#[inline(always)]
pub const fn is_later_fragment_v6(offset_and_flags: [u8; 2]) -> bool {
    u16::from_be_bytes(offset_and_flags) & !7 != 0
}

/// An error about a packet, and who gets it.
#[derive(Clone, Copy, Debug)]
pub struct TooBig<'a> {
    /// MAC that the packet came from.
    pub to_mac: &'a Mac,
    /// MAC that the packet went to.
    pub from_mac: &'a Mac,
    /// Octets of the largest IP packet that fits.
    pub mtu: u32,
    /// Time or hops to live: the packet's own, as the kernel has it.
    pub ttl: u8,
    /// Sum of the 16-bit words of the quote, in wire order.
    pub quote: u32,
}

/// Writes the headers of "fragmentation needed" from one address to another, in front of
/// [`V4_QUOTE`] octets of quote.
#[inline(always)]
pub fn fragmentation_needed(
    error: &TooBig<'_>,
    from: [u8; 4],
    to: [u8; 4],
    h: &mut [u8; V4_HEADERS],
) {
    // The next hop's MTU takes the place of the second unused word (RFC 1191 §4).
    let [_, _, high, low] = told(error.mtu).to_be_bytes();
    h[34..42].copy_from_slice(&[UNREACHABLE, FRAGMENTATION_NEEDED, 0, 0, 0, 0, high, low]);
    error_v4(error, from, to, V4_QUOTE as u16, h);
}

/// Writes the headers of "time to live exceeded in transit" (RFC 792) likewise, in front of so many octets of
/// quote.
#[inline(always)]
pub fn time_exceeded_v4(
    error: &TooBig<'_>,
    from: [u8; 4],
    to: [u8; 4],
    octets: u16,
    h: &mut [u8; V4_HEADERS],
) {
    h[34..42].copy_from_slice(&[TIME_EXCEEDED, 0, 0, 0, 0, 0, 0, 0]);
    error_v4(error, from, to, octets, h);
}

/// Writes what stands around an ICMP header whose checksum is zero yet, and that.
#[inline(always)]
fn error_v4(error: &TooBig<'_>, from: [u8; 4], to: [u8; 4], octets: u16, h: &mut [u8; V4_HEADERS]) {
    let [high, low] = (octets + 20 + 8).to_be_bytes();
    h[0..6].copy_from_slice(error.to_mac);
    h[6..12].copy_from_slice(error.from_mac);
    h[12..14].copy_from_slice(&[0x08, 0x00]);
    h[14..24].copy_from_slice(&[0x45, 0, high, low, 0, 0, 0x40, 0, error.ttl, ICMP]);
    h[24..26].copy_from_slice(&[0, 0]);
    h[26..30].copy_from_slice(&from);
    h[30..34].copy_from_slice(&to);
    let header = !csum::fold(words(&h[14..34]));
    h[24..26].copy_from_slice(&header.to_be_bytes());
    let sum = !csum::fold(words(&h[34..42]) + folded(error.quote));
    h[36..38].copy_from_slice(&sum.to_be_bytes());
}

/// Writes the headers of "packet too big" from one address to another, in front of [`V6_QUOTE`] octets
/// of quote.
#[inline(always)]
pub fn packet_too_big(error: &TooBig<'_>, from: &Addr, to: &Addr, h: &mut [u8; V6_HEADERS]) {
    h[54..58].copy_from_slice(&[PACKET_TOO_BIG, 0, 0, 0]);
    h[58..62].copy_from_slice(&error.mtu.to_be_bytes());
    error_v6(error, from, to, V6_QUOTE as u16, h);
}

/// Writes the headers of "hop limit exceeded in transit" (RFC 4443 §3.3) likewise, in front of so many octets
/// of quote.
#[inline(always)]
pub fn time_exceeded_v6(
    error: &TooBig<'_>,
    from: &Addr,
    to: &Addr,
    octets: u16,
    h: &mut [u8; V6_HEADERS],
) {
    h[54..62].copy_from_slice(&[TIME_EXCEEDED_V6, 0, 0, 0, 0, 0, 0, 0]);
    error_v6(error, from, to, octets, h);
}

/// Writes what stands around an ICMPv6 header whose checksum is zero yet, and that.
#[inline(always)]
fn error_v6(error: &TooBig<'_>, from: &Addr, to: &Addr, octets: u16, h: &mut [u8; V6_HEADERS]) {
    let payload = octets + 8;
    let [high, low] = payload.to_be_bytes();
    h[0..6].copy_from_slice(error.to_mac);
    h[6..12].copy_from_slice(error.from_mac);
    h[12..14].copy_from_slice(&[0x86, 0xdd]);
    h[14..22].copy_from_slice(&[0x60, 0, 0, 0, high, low, ICMPV6, error.ttl]);
    h[22..38].copy_from_slice(&from.octets);
    h[38..54].copy_from_slice(&to.octets);
    // Both addresses, the length and the next header are the pseudo-header's (RFC 8200 §8.1).
    let own = words(&h[22..62]) + u32::from(payload) + u32::from(ICMPV6);
    let sum = !csum::fold(own + folded(error.quote));
    h[56..58].copy_from_slice(&sum.to_be_bytes());
}

/// How many errors may be sent that others can ask for with packets of a made-up source: one a millisecond on each CPU, and
/// fifty at once (RFC 1812 §4.3.2.8, RFC 4443 §2.4 f; net/ipv4/icmp.c, `icmp_global_allow`).
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Budget {
    /// When errors were last added, CLOCK_MONOTONIC in nanoseconds.
    pub since_ns: u64,
    /// Errors that are left.
    pub left: u64,
}

impl Budget {
    /// The most errors at once.
    pub const BURST: u64 = 50;
    const EACH_NS: u64 = 1_000_000;

    /// Takes one, if there is one.
    #[inline(always)]
    pub const fn take(&mut self, now: u64) -> bool {
        let earned = now.saturating_sub(self.since_ns) / Self::EACH_NS;
        if earned >= Self::BURST - self.left {
            self.left = Self::BURST;
            self.since_ns = now;
        } else {
            self.left += earned;
            self.since_ns += earned * Self::EACH_NS;
        }
        let any = self.left > 0;
        if any {
            self.left -= 1;
        }
        any
    }
}

/// The MTU as the 16 bits of an IPv4 error hold it.
#[inline(always)]
const fn told(mtu: u32) -> u32 {
    if mtu > 0xffff { 0xffff } else { mtu }
}

#[inline(always)]
const fn folded(sum: u32) -> u32 {
    csum::fold(sum) as u32
}

/// Sum of the 16-bit words of an even number of octets.
#[inline(always)]
fn words(octets: &[u8]) -> u32 {
    csum::add(0, octets)
}
