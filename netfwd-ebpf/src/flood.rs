//! Broadcast, multicast and unknown unicast: a clone for every flood target.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::{__sk_buff, BPF_F_INGRESS},
    helpers::{bpf_clone_redirect, bpf_loop},
    programs::TcContext,
};
use netfwd_common::{
    addr,
    limits::{FLOOD_AT_ONCE, FLOOD_PER_NETWORK},
    maps::{self as layout, Deliver, FloodKey, FloodTarget, Network, NetworkFlags, PortFlags},
    storm,
    verdict::DropReason,
};

use crate::{
    count,
    exit::{Outcome, Stage},
    maps, mtu, neighbour,
    parse::Ethernet,
    skb,
    source::Source,
    stage,
    vxlan::companion,
};

/// What the loop's body needs; it sees only this.
pub struct Flood {
    skb: *mut __sk_buff,
    /// The network.
    pub network: u32,
    vni: u32,
    ingress: u32,
    start: u32,
    octets: u32,
    wanted: PortFlags,
    barred: u8,
    /// Not a count: the verifier would follow every value of one.
    fate: u8,
    /// The VLAN.
    pub vlan: u16,
    own_vlan: u16,
    tci: u16,
}

/// Whom a frame must not reach: the port that it came from, peers, isolated ports.
const BACK: u8 = 1;
const PEERS: u8 = 1 << 1;
const ISOLATED: u8 = 1 << 2;
/// Not barred from peers, but too big for them: the companion's outer packets say DF, and would be lost in
/// silence. Nobody is told, for the frame may well have arrived at a port.
const TOO_BIG: u8 = 1 << 3;

/// What became of a frame: a target took it, a peer did not because it does not fit.
const SENT: u8 = 1;
const KEPT: u8 = 1 << 1;

/// Mark of a frame whose flooding goes on, in the upper half; the lower half is where. Marks do not
/// outlive a network namespace (net/core/skbuff.c, skb_scrub_packet), so no container sets one.
const GOES_ON: u32 = 0x6e66_0000;

/// Where the flooding of a frame goes on; 0 for a frame that comes in for the first time.
#[inline(always)]
pub fn start(ctx: &TcContext) -> u32 {
    let mark = skb::mark(ctx);
    if mark & 0xffff_0000 == GOES_ON {
        mark & 0xffff
    } else {
        0
    }
}

/// Whom a flooded frame may reach beyond what the flood list says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Ports, and peers where it did not come from one.
    Everywhere,
    /// Ports of this host.
    Here,
}

/// Sends a frame to a group address.
#[inline(always)]
pub fn group(ctx: &TcContext, source: &Source, network: &Network, eth: &Ethernet) -> Stage {
    const ASKED: NetworkFlags = NetworkFlags::GATEWAY.with(NetworkFlags::SUPPRESSION);
    if network.flags.has_any(ASKED) && neighbour::asks(ctx, eth) {
        return stage::go(layout::Stage::Neighbour, source);
    }
    if network.flags.has(NetworkFlags::SNOOPING) && addr::is_ip_multicast(&eth.dst) {
        return stage::go(layout::Stage::Multicast, source);
    }
    broadcast(ctx, source, network, Reach::Everywhere)
}

/// Sends a frame to every flood target.
#[inline(always)]
pub fn broadcast(ctx: &TcContext, source: &Source, network: &Network, reach: Reach) -> Stage {
    flood(ctx, source, network, PortFlags::default(), reach).into()
}

/// Floods a frame to a station that nobody has heard, where the network and the port allow it.
#[inline(always)]
pub fn unknown(ctx: &TcContext, source: &Source, network: &Network) -> Stage {
    let wanted = PortFlags::UNKNOWN_UNICAST;
    match flood(ctx, source, network, wanted, Reach::Everywhere).into() {
        Err(DropReason::NoTarget) if !network.flags.has(NetworkFlags::UNKNOWN_UNICAST) => {
            Err(DropReason::UnknownUnicast)
        }
        stage => stage,
    }
}

#[inline(never)]
fn flood(
    ctx: &TcContext,
    source: &Source,
    network: &Network,
    wanted: PortFlags,
    reach: Reach,
) -> Outcome {
    let mut state = match Flood::new(ctx, source, network) {
        Ok(state) => state,
        Err(reason) => return Outcome::Drop(reason),
    };
    state.wanted = wanted;
    if reach == Reach::Here {
        state.barred |= PEERS;
    }
    let at_once = state.at_once(network);
    let shared = core::ptr::from_mut(&mut state).cast();
    each(at_once, body as *mut c_void, shared);
    state.finish(source, network)
}

/// Runs a body for so many flood targets.
#[inline(always)]
pub fn each(targets: u32, body: *mut c_void, state: *mut c_void) {
    let targets = targets.min(FLOOD_PER_NETWORK);
    // SAFETY: the body takes the state that is passed here, and nothing else.
    unsafe { bpf_loop(targets, body, state, 0) };
}

/// One target of the flood list; returns 0, which goes on.
unsafe extern "C" fn body(index: u64, state: *mut c_void) -> i64 {
    // SAFETY: `flood` passes its own state, which outlives the loop.
    let state = unsafe { &mut *state.cast::<Flood>() };
    if let Some(target) = state.target(index)
        && state.wants(target)
    {
        state.send(target);
    }
    0
}

impl Flood {
    /// What is to be sent to some of a network's flood targets, unless its port has flooded enough.
    #[inline(always)]
    pub fn new(ctx: &TcContext, source: &Source, network: &Network) -> Result<Self, DropReason> {
        let start = start(ctx);
        if start == 0 && source.flags.has(PortFlags::STORM) && !is_calm(source) {
            return Err(DropReason::StormControl);
        }
        Ok(Self {
            skb: ctx.skb.skb,
            network: source.network,
            vni: network.vni,
            ingress: source.ifindex,
            start,
            octets: ctx.len(),
            wanted: PortFlags::default(),
            barred: barred(ctx, source, network),
            fate: 0,
            vlan: source.vlan,
            own_vlan: network.vlan,
            tci: source.tci,
        })
    }

    /// Flood targets that this run serves: a frame from a port may come again for the rest.
    #[inline(always)]
    pub fn at_once(&self, network: &Network) -> u32 {
        match self.ingress {
            0 => network.flood_len,
            _ => network
                .flood_len
                .saturating_sub(self.start)
                .min(FLOOD_AT_ONCE),
        }
    }

    /// Has the frame come in again for the targets that are left, behind the clones that it has sent, and
    /// says what has become of it.
    #[inline(always)]
    pub fn finish(&self, source: &Source, network: &Network) -> Outcome {
        let next = self.start + FLOOD_AT_ONCE;
        let goes_on = self.ingress != 0 && next < network.flood_len;
        if goes_on {
            self.come_again(next);
        }
        let last = !goes_on && self.start == 0;
        // Read through a pointer: the compiler does not see that the loop wrote what it was given the
        // address of.
        // SAFETY: a field of `self`.
        match unsafe { core::ptr::read_volatile(&raw const self.fate) } {
            0 if last => Outcome::Drop(DropReason::NoTarget),
            KEPT if last => Outcome::Drop(DropReason::TooBig),
            fate => {
                if fate & KEPT != 0 {
                    count::drop(source.slot, DropReason::TooBig);
                }
                Outcome::Consumed
            }
        }
    }

    #[inline(never)]
    fn come_again(&self, next: u32) {
        let tagged = self.tci != 0 && skb::push(self.skb, self.tci);
        skb::set_mark(self.skb, GOES_ON | next);
        // SAFETY: as in `clone_to`.
        unsafe { bpf_clone_redirect(self.skb, self.ingress, u64::from(BPF_F_INGRESS)) };
        skb::set_mark(self.skb, 0);
        if tagged {
            skb::pop(self.skb);
        }
    }

    /// The flood target with an index.
    #[inline(always)]
    pub fn target(&self, index: u64) -> Option<&'static FloodTarget> {
        let key = FloodKey {
            network: self.network,
            index: self.start + index as u32,
        };
        maps::flood_target(&key)
    }

    /// Whether a target takes the frame: in its VLAN, never the port that it came from, never a second
    /// peer, never from an isolated port to another, and only what the target is set to take.
    #[inline(always)]
    pub fn wants(&self, target: &FloodTarget) -> bool {
        let is_peer = target.ifindex == 0;
        let every_vlan = is_peer && target.flags.has(PortFlags::VLAN);
        let other_vlan = target.vlan != self.vlan && !every_vlan;
        let back = if target.ingress_ifindex == self.ingress {
            BACK
        } else {
            0
        };
        let is = if is_peer { PEERS } else { back };
        let isolated = if target.flags.has(PortFlags::ISOLATED) {
            ISOLATED
        } else {
            0
        };
        let barred = self.barred & (is | isolated) != 0;
        !other_vlan && !barred && target.flags.has(self.wanted)
    }

    /// Sends a target its clone, and counts it.
    #[inline(always)]
    pub fn send(&mut self, target: &FloodTarget) {
        if target.ifindex == 0 && self.barred & TOO_BIG != 0 {
            self.fate |= KEPT;
            return;
        }
        let tag = self.tag(target);
        if tag != 0 && !skb::push(self.skb, tag | (self.tci & !skb::VID)) {
            return;
        }
        if self.clone_to(target) {
            count::tx(target.slot, self.octets as usize);
            self.fate |= SENT;
        }
        if tag != 0 {
            skb::pop(self.skb);
        }
    }

    /// A peer takes the network's own VLAN untagged, and the others with their tags.
    #[inline(always)]
    fn tag(&self, target: &FloodTarget) -> u16 {
        match target.ifindex {
            0 if self.vlan == self.own_vlan || !target.flags.has(PortFlags::VLAN) => 0,
            0 => self.vlan,
            _ => target.tag,
        }
    }

    #[inline(always)]
    fn clone_to(&self, target: &FloodTarget) -> bool {
        let (ifindex, flags) = match Deliver::from_number(target.deliver) {
            _ if target.ifindex == 0 => {
                let companion = companion::set_tunnel(self.skb, self.vni, &target.peer);
                if companion == 0 {
                    return false;
                }
                (companion, 0)
            }
            Deliver::Receive => (target.ifindex, u64::from(BPF_F_INGRESS)),
            // No clone goes by `redirect_peer`: `bpf_clone_redirect` takes BPF_F_INGRESS alone.
            Deliver::Transmit | Deliver::Peer => (target.ifindex, 0),
        };
        // SAFETY: the context is the program's own; the kernel looks the interface up itself.
        unsafe { bpf_clone_redirect(self.skb, ifindex, flags) == 0 }
    }
}

/// A search for a port that takes a VLAN.
struct Search {
    network: u32,
    vlan: u32,
    found: u32,
}

/// Whether a port takes frames of the VLAN that a frame is in.
#[inline(always)]
pub fn is_carried(source: &Source, network: &Network) -> bool {
    let mut search = Search {
        network: source.network,
        vlan: source.vlan.into(),
        found: 0,
    };
    let shared = core::ptr::from_mut(&mut search).cast();
    each(network.flood_len, look as *mut c_void, shared);
    // SAFETY: a field of `search`, read as in `finish`.
    unsafe { core::ptr::read_volatile(&raw const search.found) != 0 }
}

/// One target of the flood list; returns 1, which ends the search, at a port in the VLAN.
unsafe extern "C" fn look(index: u64, search: *mut c_void) -> i64 {
    // SAFETY: `is_carried` passes its own search, which outlives the loop.
    let search = unsafe { &mut *search.cast::<Search>() };
    let key = FloodKey {
        network: search.network,
        index: index as u32,
    };
    let takes = maps::flood_target(&key)
        .is_some_and(|target| target.ifindex != 0 && u32::from(target.vlan) == search.vlan);
    search.found = takes.into();
    takes.into()
}

#[inline(never)]
fn barred(ctx: &TcContext, source: &Source, network: &Network) -> u8 {
    let mut barred = 0;
    if !source.flags.has(PortFlags::HAIRPIN) {
        barred |= BACK;
    }
    let overlay = network.flags.has(NetworkFlags::OVERLAY);
    if source.is_peer() {
        barred |= PEERS;
    } else if overlay && !mtu::fits_peers(ctx, network.mtu) {
        barred |= TOO_BIG;
    }
    if source.flags.has(PortFlags::ISOLATED) {
        barred |= ISOLATED;
    }
    barred
}

/// Whether a port may flood another frame now.
#[inline(never)]
fn is_calm(source: &Source) -> bool {
    let Some(port) = maps::port(&source.ifindex) else {
        return true;
    };
    // Its rate is one over all of its networks, for each of which it has a slot.
    let Some(storm) = maps::storm(port.slot) else {
        return true;
    };
    match storm::admit(*storm, maps::now(), port.storm_rate) {
        Some(next) => {
            *storm = next;
            true
        }
        None => false,
    }
}
