//! Addresses as the maps hold them.

use core::hash::{Hash, Hasher};

use crate::maps::plain;

/// A MAC address in wire order.
pub type Mac = [u8; 6];

/// An IPv6 address, or an IPv4 one mapped into `::ffff:0:0/96` (RFC 4291 §2.5.5.2), in wire order.
/// One form for both families, so that IPv6 is no second implementation.
///
/// Aligned, so that it is copied and compared by words: of octets that may stand anywhere the BPF backend makes a load of
/// each, and the verifier walks them all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialOrd, Ord)]
#[repr(C, align(4))]
pub struct Addr {
    /// The address in wire order.
    pub octets: [u8; 16],
}
plain!(Addr, 16);

impl Addr {
    /// The address of these octets.
    #[inline(always)]
    #[must_use]
    pub const fn new(octets: [u8; 16]) -> Self {
        Self { octets }
    }
}

impl PartialEq for Addr {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        words(self) == words(other)
    }
}

impl Hash for Addr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        words(self).hash(state);
    }
}

/// The broadcast MAC address.
pub const BROADCAST: Mac = [0xff; 6];

/// No address: `::`, which stands for "any" of IPv6 in a listener and "none" in an FDB entry.
pub const UNSPECIFIED: Addr = Addr { octets: [0; 16] };

/// The third of the [`words`] of an address that maps an IPv4 one.
pub const V4_WORD: u32 = u32::from_ne_bytes([0, 0, 0xff, 0xff]);

/// Maps an IPv4 address into [`Addr`].
#[inline(always)]
pub const fn from_v4(a: [u8; 4]) -> Addr {
    from_words([0, 0, V4_WORD, u32::from_ne_bytes(a)])
}

/// The IPv4 address that `addr` maps, if it maps one.
#[inline(always)]
pub const fn to_v4(addr: &Addr) -> Option<[u8; 4]> {
    if is_v4(addr) {
        Some(low_v4(addr))
    } else {
        None
    }
}

/// The last four octets: the IPv4 address where the caller knows that `addr` maps one.
#[inline(always)]
pub const fn low_v4(addr: &Addr) -> [u8; 4] {
    let [.., low] = words(addr);
    low.to_ne_bytes()
}

/// Whether `addr` maps an IPv4 address.
#[inline(always)]
pub const fn is_v4(addr: &Addr) -> bool {
    let [a, b, c, _] = words(addr);
    a | b == 0 && c == V4_WORD
}

/// Every address of the family of `addr`, as a listener names it: `0.0.0.0` or `::`.
#[inline(always)]
pub const fn any_like(addr: &Addr) -> Addr {
    if is_v4(addr) {
        from_v4([0; 4])
    } else {
        UNSPECIFIED
    }
}

/// An address as four words in memory order.
#[inline(always)]
pub const fn words(a: &Addr) -> [u32; 4] {
    // SAFETY: four words of plain octets, as aligned and as large as the address. Of octets put together the backend
    // would make as many loads.
    unsafe { core::mem::transmute(*a) }
}

/// The address of four words in memory order.
#[inline(always)]
pub const fn from_words(words: [u32; 4]) -> Addr {
    // SAFETY: as above, the other way round.
    unsafe { core::mem::transmute(words) }
}

/// Whether an address means the very host that uses it: 127.0.0.0/8 and `::1`, and the unspecified ones,
/// which a process that connects may name as well (RFC 1122 §3.2.1.3).
#[inline(always)]
pub const fn is_loopback(addr: &Addr) -> bool {
    let [a, b, c, d] = words(addr);
    if is_v4(addr) {
        return addr.octets[12] == 127 || d == 0;
    }
    a | b | c == 0 && (d == 0 || d == u32::from_ne_bytes([0, 0, 0, 1]))
}

/// Whether an address is a multicast one: 224.0.0.0/4 or ff00::/8.
#[inline(always)]
pub const fn is_multicast(addr: &Addr) -> bool {
    addr.octets[0] == 0xff || (is_v4(addr) && addr.octets[12] >> 4 == 0xe)
}

/// The octets of a word in memory order that starts with a MAC address which are the address.
pub const MAC_WORD: u64 = mac_word([0xff; 6]);

/// A MAC address as a number, in memory order: two are compared at once.
#[inline(always)]
pub const fn mac_word(mac: Mac) -> u64 {
    u64::from_ne_bytes([mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], 0, 0])
}

/// Whether an IPv6 address is one of a link alone (RFC 4291 §2.5.6).
#[inline(always)]
pub const fn is_link_local_v6(address: &Addr) -> bool {
    address.octets[0] == 0xfe && address.octets[1] & 0xc0 == 0x80
}

/// Whether a MAC address is a group address (IEEE 802-2014 §8.2.2), broadcast included.
#[inline(always)]
pub const fn is_group(mac: &Mac) -> bool {
    mac[0] & 1 == 1
}

/// Whether a MAC address is one that IPv4 (RFC 1112 §6.4) or IPv6 (RFC 2464 §7) multicast maps to.
#[inline(always)]
pub const fn is_ip_multicast(mac: &Mac) -> bool {
    matches!(*mac, [0x01, 0x00, 0x5e, 0..=0x7f, _, _] | [0x33, 0x33, ..])
}

/// Whether a frame to this MAC is for the link alone: 01:80:C2:00:00:00 to 0F are never forwarded
/// (IEEE 802.1Q-2018 table 8-1).
#[inline(always)]
pub const fn is_link_local(mac: &Mac) -> bool {
    matches!(*mac, [0x01, 0x80, 0xc2, 0, 0, last] if last < 0x10)
}

/// Whether a station may use this MAC as its source: unicast and not all zero.
#[inline(always)]
pub const fn is_valid_source(mac: &Mac) -> bool {
    !is_group(mac) && !matches!(*mac, [0, 0, 0, 0, 0, 0])
}
