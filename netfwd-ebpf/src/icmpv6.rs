//! What follows an IPv6 header and its extension headers.

use aya_ebpf::programs::TcContext;
use network_types::ip::Ipv6Hdr;

use crate::parse::ETH_LEN;

/// The first header that is no extension header.
#[derive(Clone, Copy)]
pub struct L4 {
    /// Its protocol.
    pub proto: u8,
    /// Where it starts.
    pub offset: usize,
}

/// Extension headers that are walked over, of the kinds that have the common format (RFC 6564): more
/// than stacks send, and a bound for the verifier.
const MOST: usize = 4;

/// Finds what an IPv6 packet carries; `None` where it is cut off or hides behind more headers than
/// anybody sends. A fragment stops here: ND in fragments is void (RFC 6980 §5).
#[inline(always)]
pub fn locate(ctx: &TcContext) -> Option<L4> {
    locate_at(ctx, ETH_LEN)
}

/// The same of a packet whose IPv6 header starts at `ip`.
#[inline(never)]
pub fn locate_at(ctx: &TcContext, ip: usize) -> Option<L4> {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const DESTINATION: u8 = 60;
    const NEXT_HEADER: usize = 6;
    let [mut proto]: [u8; 1] = ctx.load(ip + NEXT_HEADER).ok()?;
    let mut offset = ip + Ipv6Hdr::LEN;
    for _ in 0..MOST {
        if !matches!(proto, HOP_BY_HOP | ROUTING | DESTINATION) {
            return Some(L4 { proto, offset });
        }
        let [next, length]: [u8; 2] = ctx.load(offset).ok()?;
        proto = next;
        offset += (usize::from(length) + 1) * 8;
    }
    None
}
