//! DHCP: a server's acknowledgement says who has an address.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{Mac, from_v4},
    maps::PortFlags,
    nat::proto,
};

use super::{Found, Packet};
use crate::{
    frame::Frame,
    parse::{ETH_LEN, L4},
};

/// Where the message starts (RFC 2131 §2), behind a UDP header.
const MESSAGE: usize = L4 + 8;

/// Whether a packet without IP options comes from a DHCP server's port.
#[inline(always)]
pub fn is_answer(ctx: &TcContext) -> bool {
    const SERVER: u16 = 67;
    const PROTOCOL: usize = ETH_LEN + 9;
    ctx.read::<1>(PROTOCOL) == Some([proto::UDP])
        && ctx.read::<2>(L4).map(u16::from_be_bytes) == Some(SERVER)
}

/// Hears a packet from a port where servers may be.
#[inline(never)]
pub fn hear(packet: &Packet<'_>) -> Found {
    const SERVERS: PortFlags = PortFlags::SERVER.with(PortFlags::GATEWAY);
    if packet.suppresses()
        && packet.source.flags.has_any(SERVERS)
        && let Some((ip, mac)) = lease(packet.ctx)
    {
        packet.learn(&from_v4(ip), &mac);
    }
    Found::Nothing
}

/// The address and the client of an acknowledgement. The message type is looked for where servers put
/// it: in the first option.
#[inline(always)]
fn lease(ctx: &TcContext) -> Option<([u8; 4], Mac)> {
    const BOOT_REPLY_ETHERNET: [u8; 3] = [2, 1, 6];
    const COOKIE: [u8; 4] = [99, 130, 83, 99];
    const ACKNOWLEDGEMENT: [u8; 3] = [53, 1, 5];
    const YOUR_ADDRESS: usize = MESSAGE + 16;
    const CLIENT_MAC: usize = MESSAGE + 28;
    const OPTIONS: usize = MESSAGE + 236;
    let is_lease = ctx.read::<3>(MESSAGE)? == BOOT_REPLY_ETHERNET
        && ctx.read::<4>(OPTIONS)? == COOKIE
        && ctx.read::<3>(OPTIONS + 4)? == ACKNOWLEDGEMENT;
    if !is_lease {
        return None;
    }
    let ip = ctx.read::<4>(YOUR_ADDRESS)?;
    let mac = ctx.read::<6>(CLIENT_MAC)?;
    (ip != [0; 4]).then_some((ip, mac))
}
