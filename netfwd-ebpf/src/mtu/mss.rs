//! Lowering the MSS of TCP SYNs.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::__sk_buff,
    helpers::{bpf_loop, bpf_skb_load_bytes},
    programs::TcContext,
};
use netfwd_common::{
    maps::ConfigFlags,
    nat::proto,
    tcp::SYN,
    tcp_mss::{HEADER_LEN, MOST_OPTIONS, Step, clamped, options_len, step, summed},
};
use network_types::ip::Ipv6Hdr;

use crate::{
    frame::Frame,
    maps,
    parse::{ETH_LEN, IP_LEN, ether_type},
};

/// Where the checksum stands in a TCP header.
const CHECKSUM: usize = 16;

/// A walk over the options of a header; the loop's body sees only this.
struct Walk {
    skb: *mut __sk_buff,
    /// Where the options start.
    start: u32,
    end: u32,
    at: u32,
    /// Where the MSS stands; 0 for nowhere.
    found: u32,
}

/// Lowers the MSS that a TCP SYN announces, where the instance does so.
#[inline(always)]
pub fn clamp(ctx: &TcContext, kind: u16, limit: u32) {
    let (is_tcp, ip_len) = match kind {
        ether_type::IPV4 => (ipv4(ctx), IP_LEN),
        ether_type::IPV6 => (ipv6(ctx), Ipv6Hdr::LEN),
        _ => return,
    };
    if is_tcp && is_syn(ctx, ETH_LEN + ip_len) {
        lower(ctx, ETH_LEN + ip_len, limit);
    }
}

/// Whether a packet is TCP and has no IPv4 options, which no SYN of a stack has. A later fragment has
/// no header here.
#[inline(always)]
fn ipv4(ctx: &TcContext) -> bool {
    const VERSION_AND_LENGTH: usize = ETH_LEN;
    const FRAGMENT: usize = ETH_LEN + 6;
    const OFFSET: u16 = 0x1fff;
    let Some([a, b, _, proto]) = ctx.read::<4>(FRAGMENT) else {
        return false;
    };
    proto == proto::TCP
        && u16::from_be_bytes([a, b]) & OFFSET == 0
        && ctx.read::<1>(VERSION_AND_LENGTH) == Some([0x45])
}

#[inline(always)]
fn ipv6(ctx: &TcContext) -> bool {
    const NEXT_HEADER: usize = ETH_LEN + 6;
    ctx.read::<1>(NEXT_HEADER) == Some([proto::TCP])
}

#[inline(always)]
fn is_syn(ctx: &TcContext, l4: usize) -> bool {
    const FLAGS: usize = 13;
    ctx.read::<1>(l4 + FLAGS)
        .is_some_and(|[flags]| flags & SYN != 0)
}

/// Walks over the options, and writes a lower MSS and the checksum that it has. Options that are
/// malformed leave the packet as it is, and so does a packet that cannot be written: then the path
/// tells the sender.
#[inline(never)]
fn lower(ctx: &TcContext, l4: usize, limit: u32) {
    if !maps::config().is_some_and(|config| config.flags.has(ConfigFlags::MSS_CLAMP)) {
        return;
    }
    let Some(at) = find(ctx, l4) else {
        return;
    };
    let Ok(octets) = ctx.load::<[u8; 2]>(at) else {
        return;
    };
    let old = u16::from_be_bytes(octets);
    let headers = (l4 - ETH_LEN) as u32 + HEADER_LEN;
    if let Some(new) = clamped(old, limit, headers) {
        write(ctx, l4, at, (old, new));
    }
}

/// Where the value of the MSS option stands in the frame.
#[inline(always)]
fn find(ctx: &TcContext, l4: usize) -> Option<usize> {
    const DATA_OFFSET: usize = 12;
    let [word]: [u8; 1] = ctx.load(l4 + DATA_OFFSET).ok()?;
    let mut walk = Walk {
        skb: ctx.skb.skb,
        start: l4 as u32 + HEADER_LEN,
        end: options_len(word)?,
        at: 0,
        found: 0,
    };
    let state = (&raw mut walk).cast();
    // SAFETY: the body takes the state that is passed here, and nothing else.
    unsafe { bpf_loop(MOST_OPTIONS, body as *mut c_void, state, 0) };
    // SAFETY: a field of `walk`. Volatile, because the compiler does not see that the loop wrote it.
    match unsafe { core::ptr::read_volatile(&raw const walk.found) } {
        0 => None,
        found => Some(found as usize),
    }
}

/// One option; returns 0, which goes on, until the walk is over.
unsafe extern "C" fn body(_: u64, state: *mut c_void) -> i64 {
    // SAFETY: `find` passes its own state, which outlives the loop.
    let walk = unsafe { &mut *state.cast::<Walk>() };
    if walk.at + 1 >= walk.end {
        return 1;
    }
    let Some(octets) = pair(walk) else { return 1 };
    match step(octets, walk.at, walk.end) {
        Step::Next(at) => {
            walk.at = at;
            0
        }
        Step::Found(at) => {
            walk.found = walk.start + at;
            1
        }
        Step::Nothing => 1,
    }
}

/// The two octets where the walk is.
#[inline(always)]
fn pair(walk: &Walk) -> Option<[u8; 2]> {
    let mut octets = [0; 2];
    let to = octets.as_mut_ptr().cast();
    // SAFETY: the context is the program's own, and `octets` has room for the two that are asked for.
    let ret = unsafe { bpf_skb_load_bytes(walk.skb.cast(), walk.start + walk.at, to, 2) };
    (ret == 0).then_some(octets)
}

/// Writes the value, the checksum first: what fails there leaves the packet as it is.
#[inline(always)]
fn write(ctx: &TcContext, l4: usize, at: usize, (old, new): (u16, u16)) {
    let offset = (at - l4) as u32;
    let (from, to) = (summed(old, offset).to_be(), summed(new, offset).to_be());
    if ctx
        .l4_csum_replace(l4 + CHECKSUM, u64::from(from), u64::from(to), 2)
        .is_ok()
    {
        let _ = ctx.store(at, &new.to_be_bytes(), 0);
    }
}
