//! Stage: ICMP errors about translated packets (RFC 5508 §4, RFC 4787 §9, RFC 5382 §7.4).
//!
//! What an error quotes was sent by the side that gets the error. Turned round, its tuple is the key of the
//! direction that the error itself travels in. The session is read alone: an error neither makes nor keeps
//! nor ends one (RFC 5508 REQ-6, RFC 5382 REQ-9).

mod onward;
mod quote;
mod rewrite;

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{self, Addr},
    maps::{FloatingKey, Session, SessionFlags, SessionKey, Stage as Program},
    verdict::DropReason,
};

use crate::{
    bridge,
    exit::{Action, Outcome, Stage, Verdict},
    maps, nat,
    parse::{Ethernet, ether_type},
    port,
    source::{FLOW_STATED, Source},
    stage,
};

/// What an error says, in this CPU's scratch.
#[repr(C)]
pub struct Error {
    /// The key of the session's direction that it goes in.
    pub key: SessionKey,
    /// Who sends it.
    pub src: Addr,
    /// Who gets it.
    pub dst: Addr,
    /// Where its ICMP header starts.
    pub icmp: u32,
    /// Where the IP header of the quoted packet starts.
    pub quote: u32,
    /// Where its l4 header starts.
    pub l4: u32,
    /// Where the error ends; padding may follow.
    pub end: u32,
    /// 1 for ICMP, 0 for ICMPv6.
    pub v4: u32,
    /// Time or hops to live.
    pub ttl: u32,
}

/// An error at the hook where it came by.
struct Packet<'a> {
    ctx: &'a TcContext,
    source: &'a Source,
    error: &'a Error,
}

/// Translates an error and sends it on.
#[inline(always)]
pub fn handle(ctx: &TcContext) -> Verdict {
    port::staged(ctx, decide)
}

#[inline(always)]
fn decide(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Stage {
    let scratch = maps::scratch().ok_or(DropReason::NoStage)?;
    let asked = scratch.asked;
    if asked == Program::Route as u32 && !port::is_routed(source, eth) {
        return Ok(Action::Continue(Program::Bridge));
    }
    let error = &mut scratch.icmp;
    let read = match eth.ether_type {
        ether_type::IPV4 => quote::read_v4(ctx, error),
        ether_type::IPV6 => quote::read_v6(ctx, error),
        _ => false,
    };
    let packet = Packet { ctx, source, error };
    let session = if read { packet.session(asked) } else { None };
    match session {
        Some(session) if asked == Program::Leave as u32 => onward::leave(&packet, session).into(),
        Some(session) => onward::go(&packet, session, asked),
        None => unrelated(&packet, asked).into(),
    }
}

impl Packet<'_> {
    /// The session that the error is about. One that is over is none.
    #[inline(always)]
    fn session(&self, asked: u32) -> Option<&'static Session> {
        let mut key = self.error.key;
        key.network = if asked == Program::Leave as u32 {
            maps::subnet(&key.src)?.network
        } else {
            self.source.network
        };
        let session = nat::session::find(&key, maps::now())?;
        Some(session)
    }
}

/// An error about no packet that was translated here: the host's own, or another router's. From inside
/// a network that is translated it is about nothing that the network has received (RFC 5508 REQ-7).
#[inline(never)]
fn unrelated(packet: &Packet<'_>, asked: u32) -> Outcome {
    let error = packet.error;
    if asked == Program::Outside as u32 {
        return Outcome::Pass;
    }
    let translated = is_translated(error, packet.source);
    if asked == Program::Leave as u32 {
        return if translated {
            Outcome::Drop(DropReason::IcmpUnrelated)
        } else {
            Outcome::Pass
        };
    }
    if maps::local(&error.dst).is_some() {
        return to_host(packet).into();
    }
    let stays = maps::subnet(&error.dst).is_some();
    if !stays && (translated || maps::external(&error.dst).is_some()) {
        return Outcome::Drop(DropReason::IcmpUnrelated);
    }
    untranslated()
}

/// Whether what an error's sender sends to the outside is translated.
#[inline(always)]
fn is_translated(error: &Error, source: &Source) -> bool {
    let internal = FloatingKey {
        address: error.src,
        network: source.network,
    };
    // Of no network the key is that of an external address, which is what its errors are to come from.
    let floats = source.network != 0 && maps::floating(&internal).is_some();
    floats || maps::subnet(&error.src).is_some_and(|subnet| subnet.masquerade != 0)
}

/// Has the stage that asked route an error as it is. It has read the rest of the headers already.
#[inline(always)]
fn untranslated() -> Outcome {
    let (Some(scratch), Some(source)) = (maps::scratch(), stage::source()) else {
        return Outcome::Drop(DropReason::NoStage);
    };
    let key = &mut scratch.flow.key;
    (key.src_port, key.dst_port) = (0, 0);
    source.stated |= FLOW_STATED;
    Outcome::Route
}

/// Leaves an error from inside to the host's stack.
#[inline(always)]
fn to_host(packet: &Packet<'_>) -> Stage {
    let network = maps::network(&packet.source.network).ok_or(DropReason::NoNetwork)?;
    bridge::to_gateway(packet.ctx, network)
}

/// Who the error comes from, as those who get it see it. The session's own end is what the session makes of
/// it. Any other sender inside is not seen outside by its address, but by the one that its network is
/// translated to there (RFC 5508 REQ-5).
#[inline(always)]
fn seen_as<'a>(error: &'a Error, session: &'a Session, translated: bool) -> &'a Addr {
    if translated || addr::words(&error.src) == addr::words(&error.key.src) {
        &session.src
    } else {
        &error.src
    }
}

/// Whether the session's packets go to this host's own stack.
#[inline(always)]
fn is_for_host(session: &Session) -> bool {
    session.flags.has(SessionFlags::TO_HOST)
}

/// What a stage says by whether it has come to its end.
#[inline(always)]
fn passed(done: bool) -> Stage {
    if done {
        Ok(Action::Pass)
    } else {
        Err(DropReason::RewriteFailed)
    }
}
