//! Stage: fragments (RFC 4787 REQ-14).
//!
//! Only the first fragment of a datagram has the l4 ports. They are noted, and the others of it are stated to
//! be of the same flow; the stage that asked then translates each as it does any packet, but for the l4 header
//! that the others have not. What comes before its first waits for it in [`held`], in bounded room.

pub mod datagram;
mod held;

use aya_ebpf::{btf_maps::LruHashMap, macros::btf_map, programs::TcContext};
use netfwd_common::{
    addr::Addr,
    fragment::{LEAVING, NOTED_NS, header_len, is_fresh, is_sound},
    icmp_error::{QUOTED, ports},
    limits,
    maps::{Fragment, FragmentKey, FragmentKind, Stage as Program},
    nat::proto,
    verdict::DropReason,
};

use crate::{
    bridge,
    exit::{Action, Outcome, Stage, Verdict},
    maps,
    parse::{Ethernet, ether_type},
    port, skb,
    source::{FLOW_STATED, Source},
    stage,
};
use datagram::Datagram;

/// What the first fragments of datagrams said; the oldest go when there is no room.
#[btf_map(name = "fragments")]
static FRAGMENTS: LruHashMap<FragmentKey, Fragment, { limits::FRAGMENTED }> = LruHashMap::new();

/// A fragment at the hook where it came by.
struct Packet<'a> {
    ctx: &'a TcContext,
    source: &'a Source,
    datagram: &'a Datagram,
    asked: u32,
    now: u64,
}

/// Says whose a fragment is.
#[inline(always)]
pub fn handle(ctx: &TcContext) -> Verdict {
    port::staged(ctx, decide)
}

#[inline(always)]
fn decide(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Stage {
    let scratch = maps::scratch().ok_or(DropReason::NoStage)?;
    let (asked, datagram) = (scratch.asked, &mut scratch.datagram);
    if asked == Program::Route as u32 && !port::is_routed(source, eth) {
        return Ok(Action::Continue(Program::Bridge));
    }
    let read = match eth.ether_type {
        ether_type::IPV4 => datagram.read_v4(ctx),
        ether_type::IPV6 => datagram.read_v6(ctx),
        _ => false,
    };
    if !read || !is_sound(datagram.offset, datagram.octets, datagram.more != 0) {
        return Err(DropReason::Malformed);
    }
    datagram.key.network = if asked == Program::Leave as u32 {
        LEAVING
    } else {
        source.network
    };
    let packet = Packet {
        ctx,
        source,
        datagram,
        asked,
        now: maps::now(),
    };
    if !packet.is_followed() {
        return packet.to_host();
    }
    if header_len(datagram.key.proto) == 0 {
        return packet.state(0, 0);
    }
    match datagram.offset {
        0 => first(&packet),
        _ => later(&packet),
    }
}

/// The first fragment. With others waiting for it, it comes in again in front of them.
#[inline(always)]
fn first(packet: &Packet<'_>) -> Stage {
    let datagram = packet.datagram;
    let mut header = [0; QUOTED];
    let tiny = datagram.octets < header_len(datagram.key.proto);
    if tiny || !skb::read_into(packet.ctx, datagram.l4 as usize, &mut header) {
        return Err(DropReason::Fragment);
    }
    let ports = ports(datagram.key.proto, &header);
    let (src_port, dst_port) = ports.unwrap_or((0, 0));
    let kind = if ports.is_none() || packet.is_tunnel(dst_port) {
        FragmentKind::Host
    } else {
        FragmentKind::Flow
    };
    let noted = Fragment {
        noted_ns: packet.now,
        src_port,
        dst_port,
        kind: kind as u8,
        pad: [0; 3],
    };
    // What cannot be noted is lost as if it had been pushed out since.
    let _ = FRAGMENTS.insert(datagram.key, noted, 0);
    if datagram.more != 0 && packet.is_held() && held::release(packet) {
        return Ok(Action::Consumed);
    }
    packet.go(&noted)
}

/// One without an l4 header. It must not overwrite the first's (RFC 1858 §4).
#[inline(always)]
fn later(packet: &Packet<'_>) -> Stage {
    if packet.datagram.offset < header_len(packet.datagram.key.proto) {
        return Err(DropReason::Fragment);
    }
    match packet.noted() {
        Some(noted) => packet.go(noted),
        None if packet.asked == Program::Leave as u32 => packet.left(),
        None if !packet.is_held() => Err(DropReason::FragmentLost),
        None => wait(packet),
    }
}

/// Keeps a fragment until its first has come; that may have happened on another CPU meanwhile.
#[inline(always)]
fn wait(packet: &Packet<'_>) -> Stage {
    let at = held::hold(packet).ok_or(DropReason::FragmentLost)?;
    match packet.noted() {
        Some(noted) if held::take_back(at) => packet.go(noted),
        _ => Ok(Action::Consumed),
    }
}

impl Packet<'_> {
    /// Whether the datagram may be translated: from outside, only what is for an address of this host's or
    /// one that it answers for.
    #[inline(never)]
    fn is_followed(&self) -> bool {
        let dst: &Addr = &self.datagram.key.dst;
        self.asked != Program::Outside as u32
            || maps::local(dst).is_some()
            || maps::external(dst).is_some()
    }

    /// Whether fragments wait here for their first: what a peer sent could not come in again, for its
    /// tunnel's metadata goes with the frame, and what the host's stack sends is in order.
    #[inline(always)]
    fn is_held(&self) -> bool {
        self.asked != Program::Leave as u32 && !self.source.is_peer()
    }

    /// Whether it is VXLAN for this host, which its stack puts together.
    #[inline(always)]
    fn is_tunnel(&self, dst_port: u16) -> bool {
        let key = &self.datagram.key;
        self.asked == Program::Outside as u32
            && key.proto == proto::UDP
            && maps::config().is_some_and(|config| {
                maps::is_vxlan_port(config, dst_port) && maps::is_vtep(config, &key.dst)
            })
    }

    /// What the first fragment of the datagram said.
    #[inline(always)]
    fn noted(&self) -> Option<&'static Fragment> {
        let noted = FRAGMENTS.get_ptr(self.datagram.key)?;
        // SAFETY: the element stays readable until this program's RCU section ends.
        let noted = unsafe { &*noted };
        is_fresh(noted.noted_ns, self.now, NOTED_NS).then_some(noted)
    }

    /// Sends a fragment on as what its first said.
    #[inline(always)]
    fn go(&self, noted: &Fragment) -> Stage {
        if noted.kind == FragmentKind::Flow as u8 {
            self.state(noted.src_port, noted.dst_port)
        } else {
            self.to_host()
        }
    }

    /// Leaves a fragment to the host's stack, but none of a masqueraded network's to the outside.
    #[inline(always)]
    fn to_host(&self) -> Stage {
        if self.asked == Program::Leave as u32 {
            return self.left();
        }
        if self.asked == Program::Outside as u32 {
            // It may be a tunnel's.
            skb::set_from_uplink(self.ctx);
            return Ok(Action::Pass);
        }
        let network = maps::network(&self.source.network).ok_or(DropReason::NoNetwork)?;
        bridge::to_gateway(self.ctx, network)
    }

    /// One of no known flow that the host's stack sends out of an uplink.
    #[inline(always)]
    fn left(&self) -> Stage {
        match maps::subnet(&self.datagram.key.src) {
            Some(subnet) if subnet.masquerade != 0 => Err(DropReason::FragmentLost),
            _ => Ok(Action::Pass),
        }
    }

    /// States the flow, and has the stage that asked go on. That has read the rest of the IP header already.
    #[inline(always)]
    fn state(&self, src_port: u16, dst_port: u16) -> Stage {
        let (Some(scratch), Some(source)) = (maps::scratch(), stage::source()) else {
            return Err(DropReason::NoStage);
        };
        let flow = &mut scratch.flow;
        self.datagram.describe(self.ctx, flow);
        (flow.key.src_port, flow.key.dst_port) = (src_port, dst_port);
        source.stated |= FLOW_STATED;
        asked(self.asked).into()
    }
}

/// The stage that asked.
#[inline(always)]
const fn asked(asked: u32) -> Outcome {
    const OUTSIDE: u32 = Program::Outside as u32;
    const LEAVE: u32 = Program::Leave as u32;
    match asked {
        OUTSIDE => Outcome::Outside,
        LEAVE => Outcome::Leave,
        _ => Outcome::Route,
    }
}
