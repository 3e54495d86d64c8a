//! IGMP.

use core::ffi::c_void;

use netfwd_common::{
    addr::from_v4,
    multicast::{ALL_V4, Change, change, igmp, igmp_response_ns},
    verdict::DropReason,
};

use super::{
    Heard, Packet, members,
    records::{Report, each},
};
use crate::parse::{ETH_LEN, Ipv4};

/// `IPPROTO_IGMP`, include/uapi/linux/in.h.
const IGMP: u8 = 2;
/// Octets of a message of versions 1 and 2.
const MESSAGE_LEN: usize = 8;
/// Hears an IPv4 packet.
#[inline(never)]
pub fn hear(packet: &mut Packet<'_>) -> Heard {
    let Some(ip) = Ipv4::read(packet.ctx, ETH_LEN) else {
        return Heard::Drop(DropReason::Malformed);
    };
    packet.group = from_v4(ip.dst);
    packet.all = ALL_V4;
    if ip.proto != IGMP {
        return packet.data();
    }
    let message = ETH_LEN + ip.header_len;
    let Ok(b) = packet.ctx.load::<[u8; MESSAGE_LEN]>(message) else {
        return Heard::Drop(DropReason::Malformed);
    };
    let group = [b[4], b[5], b[6], b[7]];
    match b[0] {
        igmp::QUERY => query(packet, ip.src != [0; 4], b[1], group),
        igmp::REPORT_V1 | igmp::REPORT_V2 => {
            members::apply(packet, &from_v4(group), Change::Joins);
            Heard::Routers
        }
        igmp::LEAVE => {
            members::apply(packet, &from_v4(group), Change::Leaves);
            packet.data()
        }
        igmp::REPORT_V3 => {
            let count = u16::from_be_bytes([b[6], b[7]]);
            each(packet, message + MESSAGE_LEN, count, record);
            packet.data()
        }
        _ => packet.data(),
    }
}

#[inline(always)]
fn query(packet: &Packet<'_>, has_address: bool, code: u8, group: [u8; 4]) -> Heard {
    let response_ns = igmp_response_ns(code);
    if group == [0; 4] {
        members::queried(packet, has_address, response_ns);
    } else {
        members::asked(packet, &from_v4(group), response_ns);
    }
    Heard::Everyone
}

/// A group record of a version 3 report (RFC 3376 §4.2.4).
unsafe extern "C" fn record(_: u64, state: *mut c_void) -> i64 {
    // SAFETY: `records::each` passes its own state, which outlives the loop.
    let report = unsafe { &mut *state.cast::<Report<'_>>() };
    let Ok(b) = report.packet.ctx.load::<[u8; 8]>(report.offset) else {
        return 1;
    };
    let sources = u16::from_be_bytes([b[2], b[3]]);
    let group = from_v4([b[4], b[5], b[6], b[7]]);
    members::apply(report.packet, &group, change(b[0], sources));
    report.offset += 8 + (usize::from(b[1]) + usize::from(sources)) * 4;
    0
}
