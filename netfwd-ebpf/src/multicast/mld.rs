//! MLD.

use core::ffi::c_void;

use netfwd_common::{
    addr::{Addr, UNSPECIFIED},
    multicast::{ALL_V6, Change, change, mld, mld_response_ns},
    nd,
    verdict::DropReason,
};

use super::{
    Heard, Packet, members,
    records::{Report, each},
};
use crate::{frame::Frame, icmpv6, parse::ETH_LEN, skb};

const IP_SRC: usize = ETH_LEN + 8;
const IP_DST: usize = ETH_LEN + 24;

/// Hears an IPv6 packet. What hides behind more extension headers than anybody sends is data.
#[inline(never)]
pub fn hear(packet: &mut Packet<'_>) -> Heard {
    let Some(group) = packet.ctx.read::<16>(IP_DST) else {
        return Heard::Drop(DropReason::Malformed);
    };
    packet.group = Addr::new(group);
    packet.all = ALL_V6;
    match icmpv6::locate(packet.ctx) {
        Some(l4) if l4.proto == nd::ICMPV6 => message(packet, l4.offset),
        _ => packet.data(),
    }
}

#[inline(always)]
fn message(packet: &Packet<'_>, offset: usize) -> Heard {
    let Ok(b) = packet.ctx.load::<[u8; 8]>(offset) else {
        return Heard::Drop(DropReason::Malformed);
    };
    match b[0] {
        mld::QUERY => query(packet, offset, u16::from_be_bytes([b[4], b[5]])),
        mld::REPORT_V1 => report(packet, offset, Change::Joins),
        mld::DONE => report(packet, offset, Change::Leaves),
        mld::REPORT_V2 => {
            let count = u16::from_be_bytes([b[6], b[7]]);
            each(packet, offset + 8, count, record);
            // All its listeners are routers, and it keeps nobody from reporting: as the kernel does.
            Heard::Everyone
        }
        _ => packet.data(),
    }
}

#[inline(always)]
fn query(packet: &Packet<'_>, offset: usize, code: u16) -> Heard {
    let Ok(group) = packet.ctx.load::<Addr>(offset + 8) else {
        return Heard::Drop(DropReason::Malformed);
    };
    // Into memory: an optional address in registers would have undefined bits when it is compared.
    let mut src = UNSPECIFIED;
    let has_address = skb::read_into(packet.ctx, IP_SRC, &mut src.octets) && src != UNSPECIFIED;
    let response_ns = mld_response_ns(code);
    if group == UNSPECIFIED {
        members::queried(packet, has_address, response_ns);
    } else {
        members::asked(packet, &group, response_ns);
    }
    Heard::Everyone
}

/// A version 1 report or done.
#[inline(always)]
fn report(packet: &Packet<'_>, offset: usize, change: Change) -> Heard {
    let Ok(group) = packet.ctx.load::<Addr>(offset + 8) else {
        return Heard::Drop(DropReason::Malformed);
    };
    members::apply(packet, &group, change);
    match change {
        Change::Joins => Heard::Routers,
        _ => Heard::Everyone,
    }
}

/// An address record of a version 2 report (RFC 3810 §5.2.5).
unsafe extern "C" fn record(_: u64, state: *mut c_void) -> i64 {
    // SAFETY: `records::each` passes its own state, which outlives the loop.
    let report = unsafe { &mut *state.cast::<Report<'_>>() };
    let (packet, offset) = (report.packet, report.offset);
    let Ok(b) = packet.ctx.load::<[u8; 4]>(offset) else {
        return 1;
    };
    let Ok(group) = packet.ctx.load::<Addr>(offset + 4) else {
        return 1;
    };
    let sources = u16::from_be_bytes([b[2], b[3]]);
    members::apply(packet, &group, change(b[0], sources));
    report.offset += 20 + usize::from(b[1]) * 4 + usize::from(sources) * 16;
    0
}
