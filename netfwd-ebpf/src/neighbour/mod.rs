//! ARP and ND: who has which address is heard here, and what is known is answered here.

mod arp;
mod dhcp;
mod nd;

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    addr::{self, Addr, Mac},
    limits::STAMP_INTERVAL_NS,
    maps::{
        self as layout, Neighbour, NeighbourFlags, NeighbourKey, Network, NetworkFlags, PortFlags,
    },
    nd as protocol,
    verdict::DropReason,
};

use crate::{
    bridge,
    exit::{Action, Stage, Verdict},
    flood::{self, Reach},
    frame::Frame,
    maps::{self, NEIGHBOURS},
    parse::{ETH_LEN, Ethernet, ether_type},
    port,
    source::Source,
};

/// What was found in a frame.
enum Found {
    /// Nothing that changes its way.
    Nothing,
    /// Something that peers need not hear.
    Here,
    /// A question for the gateway's address: the local one answers, every host has its own.
    Gateway,
    /// A question that the frame has become the answer of.
    Answered,
    /// A reason to drop it.
    Drop(DropReason),
}

/// A frame, where it came from, and where it is to go.
struct Packet<'a> {
    ctx: &'a TcContext,
    source: &'a Source,
    network: &'a Network,
    eth: &'a Ethernet,
    now: u64,
}

/// ICMPv6 types from router solicitation to redirect.
const DISCOVERY: core::ops::RangeInclusive<u8> = protocol::ROUTER_SOLICITATION..=protocol::REDIRECT;

/// Whether a frame to a group may be a question for an address.
#[inline(always)]
pub fn asks(ctx: &TcContext, eth: &Ethernet) -> bool {
    match eth.ether_type {
        ether_type::ARP => true,
        ether_type::IPV6 => is_discovery(ctx),
        ether_type::IPV4 => eth.dst == addr::BROADCAST && dhcp::is_answer(ctx),
        _ => false,
    }
}

/// Whether a frame to one station may tell who has an address.
#[inline(always)]
pub fn tells(ctx: &TcContext, source: &Source, eth: &Ethernet) -> bool {
    const SERVERS: PortFlags = PortFlags::SERVER.with(PortFlags::GATEWAY);
    match eth.ether_type {
        ether_type::ARP => true,
        ether_type::IPV6 => is_discovery(ctx),
        ether_type::IPV4 => source.flags.has_any(SERVERS) && dhcp::is_answer(ctx),
        _ => false,
    }
}

#[inline(always)]
fn is_discovery(ctx: &TcContext) -> bool {
    const NEXT_HEADER: usize = ETH_LEN + 6;
    const TYPE: usize = ETH_LEN + 40;
    ctx.read::<1>(NEXT_HEADER) == Some([protocol::ICMPV6])
        && ctx
            .read::<1>(TYPE)
            .is_some_and(|[kind]| DISCOVERY.contains(&kind))
}

/// Hears a frame, and answers it or sends it on.
#[inline(always)]
pub fn handle(ctx: &TcContext) -> Verdict {
    port::staged(ctx, decide)
}

#[inline(always)]
fn decide(ctx: &TcContext, source: &Source, eth: &Ethernet) -> Stage {
    let network = maps::network(&source.network).ok_or(DropReason::NoNetwork)?;
    let packet = Packet {
        ctx,
        source,
        network,
        eth,
        now: maps::now(),
    };
    let found = match eth.ether_type {
        ether_type::ARP => arp::hear(&packet),
        ether_type::IPV6 => nd::hear(&packet),
        _ => dhcp::hear(&packet),
    };
    match found {
        Found::Nothing => packet.onward(Reach::Everywhere),
        Found::Here => packet.onward(Reach::Here),
        Found::Gateway => bridge::to_gateway(ctx, network),
        Found::Answered => bridge::back(ctx, source, network),
        Found::Drop(reason) => Err(reason),
    }
}

impl Packet<'_> {
    #[inline(always)]
    fn onward(&self, reach: Reach) -> Stage {
        let Self {
            ctx,
            source,
            network,
            eth,
            now,
        } = *self;
        if !addr::is_group(&eth.dst) {
            return bridge::unicast(ctx, source, network, eth, now);
        }
        if reach == Reach::Here {
            return match flood::broadcast(ctx, source, network, reach) {
                Err(DropReason::NoTarget) => Err(DropReason::Suppressed),
                decision => decision,
            };
        }
        if network.flags.has(NetworkFlags::SNOOPING) && addr::is_ip_multicast(&eth.dst) {
            return Ok(Action::Continue(layout::Stage::Multicast));
        }
        flood::broadcast(ctx, source, network, reach)
    }

    #[inline(always)]
    fn suppresses(&self) -> bool {
        self.network.flags.has(NetworkFlags::SUPPRESSION)
    }

    #[inline(always)]
    fn key(&self, ip: &Addr) -> NeighbourKey {
        NeighbourKey {
            network: self.source.network,
            vlan: self.source.vlan,
            pad: 0,
            ip: *ip,
        }
    }

    /// Notes who has an address. `false` where the address is the gateway's and the sender is not.
    #[inline(never)]
    fn learn(&self, ip: &Addr, mac: &Mac) -> bool {
        let key = self.key(ip);
        // SAFETY: the element stays readable until this program's RCU section ends.
        let known = NEIGHBOURS
            .get_ptr(key)
            .map(|known| unsafe { maps::shared(known) });
        if let Some(known) = known {
            if known.flags.has(NeighbourFlags::GATEWAY) {
                return self.source.flags.has(PortFlags::GATEWAY);
            }
            let recent = self.now.wrapping_sub(known.last_seen_ns) <= STAMP_INTERVAL_NS;
            if known.flags.has(NeighbourFlags::STATIC) || (recent && known.mac == *mac) {
                return true;
            }
        }
        if addr::is_valid_source(mac) {
            let neighbour = Neighbour {
                last_seen_ns: self.now,
                mac: *mac,
                flags: NeighbourFlags::default(),
            };
            // A full table leaves the neighbour unknown: questions for it are flooded.
            let _ = NEIGHBOURS.insert(key, neighbour, 0);
        }
        true
    }

    /// Who has an address, as far as is known.
    #[inline(always)]
    fn known(&self, ip: &Addr) -> Option<&'static Neighbour> {
        let known = NEIGHBOURS.get_ptr(self.key(ip))?;
        // SAFETY: the element stays readable until this program's RCU section ends.
        let known = unsafe { maps::shared(known) };
        let fresh = known.flags.has(NeighbourFlags::STATIC)
            || self.now.saturating_sub(known.last_seen_ns) <= self.network.ageing_ns;
        fresh.then_some(known)
    }

    /// What a question for an address comes to. Who is known is answered for while its station is heard
    /// and is not behind the port that asks; a peer's question is its own host's to answer, and a
    /// question to one station is its own (net/bridge/br_arp_nd_proxy.c, br_do_proxy_suppress_arp).
    #[inline(always)]
    fn question(&self, ip: &Addr) -> Question {
        let known = self.known(ip);
        if let Some(known) = known
            && known.flags.has(NeighbourFlags::GATEWAY)
            && self.source.is_station()
        {
            return Question::Gateway;
        }
        if !self.suppresses() || self.source.is_peer() || !addr::is_group(&self.eth.dst) {
            return Question::Open;
        }
        match known {
            Some(known) if self.is_elsewhere(known.mac) => Question::Known(known.mac),
            _ if self.source.flags.has(PortFlags::GATEWAY) => Question::Ours,
            _ => Question::Open,
        }
    }

    #[inline(always)]
    fn is_elsewhere(&self, mac: Mac) -> bool {
        let key = bridge::key(self.source.network, self.source.vlan, mac);
        bridge::station(self.network.ageing_ns, key, self.now)
            .is_some_and(|station| !self.source.owns(station))
    }
}

/// What is known of a question.
enum Question {
    /// It is for the gateway.
    Gateway,
    /// This station has the address.
    Known(Mac),
    /// Nothing is.
    Open,
    /// Nothing is, and it is the gateway's own: it must not leave this host.
    Ours,
}
