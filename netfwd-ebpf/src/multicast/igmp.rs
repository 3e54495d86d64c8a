//! IGMP.

use netfwd_common::{
    addr::from_v4,
    multicast::{ALL_V4, Change, change, igmp, igmp_response_ns},
    verdict::DropReason,
};

use super::{Heard, Packet, members};
use crate::parse::{ETH_LEN, Ipv4};

/// `IPPROTO_IGMP`, include/uapi/linux/in.h.
const IGMP: u8 = 2;
/// Octets of a message of versions 1 and 2.
const MESSAGE_LEN: usize = 8;
/// Group records that are read of a report: one of 1500 octets has room for 184, and hosts send a
/// report for each change. What is behind is reported again at the next query.
const MOST_RECORDS: u16 = 32;

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
            records(
                packet,
                message + MESSAGE_LEN,
                u16::from_be_bytes([b[6], b[7]]),
            );
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

/// The group records of a version 3 report (RFC 3376 §4.2.4).
#[inline(always)]
fn records(packet: &Packet<'_>, mut offset: usize, count: u16) {
    for index in 0..MOST_RECORDS {
        if index == count {
            return;
        }
        let Ok(b) = packet.ctx.load::<[u8; 8]>(offset) else {
            return;
        };
        let sources = u16::from_be_bytes([b[2], b[3]]);
        let group = from_v4([b[4], b[5], b[6], b[7]]);
        members::apply(packet, &group, change(b[0], sources));
        offset += 8 + (usize::from(b[1]) + usize::from(sources)) * 4;
    }
}
