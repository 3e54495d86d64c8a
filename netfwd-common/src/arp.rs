//! ARP for IPv4 over Ethernet (RFC 826).

use crate::addr::{BROADCAST, Mac};

/// Octets of an ARP packet for IPv4 over Ethernet.
pub const ARP_LEN: usize = 28;
/// Octets of a frame with one, before padding.
pub const FRAME_LEN: usize = 14 + ARP_LEN;
/// Operation: who has the target's address?
pub const REQUEST: u16 = 1;
/// Operation: the sender has its address.
pub const REPLY: u16 = 2;

/// Ethernet, IPv4, addresses of six and four octets.
const FORMAT: [u8; 6] = [0, 1, 0x08, 0, 6, 4];

/// An ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// What it says.
    pub operation: u16,
    /// The sender's MAC.
    pub sender_mac: Mac,
    /// The sender's address; zero in a probe (RFC 5227 §1.1).
    pub sender: [u8; 4],
    /// The target's address.
    pub target: [u8; 4],
}

impl Arp {
    /// Reads a packet; `None` where it is not for IPv4 over Ethernet.
    #[inline(always)]
    pub fn parse(b: &[u8; ARP_LEN]) -> Option<Self> {
        if [b[0], b[1], b[2], b[3], b[4], b[5]] != FORMAT {
            return None;
        }
        Some(Self {
            operation: u16::from_be_bytes([b[6], b[7]]),
            sender_mac: [b[8], b[9], b[10], b[11], b[12], b[13]],
            sender: [b[14], b[15], b[16], b[17]],
            target: [b[24], b[25], b[26], b[27]],
        })
    }

    /// Whether it asks for nobody's answer: a probe, or an announcement of the sender's own address
    /// (RFC 5227 §1.1).
    #[inline(always)]
    pub const fn is_probe_or_announcement(&self) -> bool {
        u32::from_ne_bytes(self.sender) == 0
            || u32::from_ne_bytes(self.sender) == u32::from_ne_bytes(self.target)
    }

    /// Writes the frame that answers this request: `mac` has the target's address.
    #[inline(always)]
    pub fn answer(&self, mac: &Mac, out: &mut [u8; FRAME_LEN]) {
        out[0..6].copy_from_slice(&self.sender_mac);
        out[6..12].copy_from_slice(mac);
        out[12..14].copy_from_slice(&[0x08, 0x06]);
        out[14..20].copy_from_slice(&FORMAT);
        out[20..22].copy_from_slice(&REPLY.to_be_bytes());
        out[22..28].copy_from_slice(mac);
        out[28..32].copy_from_slice(&self.target);
        out[32..38].copy_from_slice(&self.sender_mac);
        out[38..42].copy_from_slice(&self.sender);
    }
}

/// Writes the frame that announces that `mac` has an address: a request, which every stack takes notice of
/// (RFC 5227 §2.3 and §3).
pub fn announce(address: [u8; 4], mac: &Mac, out: &mut [u8; FRAME_LEN]) {
    out[0..6].copy_from_slice(&BROADCAST);
    out[6..12].copy_from_slice(mac);
    out[12..14].copy_from_slice(&[0x08, 0x06]);
    out[14..20].copy_from_slice(&FORMAT);
    out[20..22].copy_from_slice(&REQUEST.to_be_bytes());
    out[22..28].copy_from_slice(mac);
    out[28..32].copy_from_slice(&address);
    out[32..38].copy_from_slice(&[0; 6]);
    out[38..42].copy_from_slice(&address);
}
