//! The socket buffer's fields and the helpers that move it.

use aya_ebpf::{
    EbpfContext,
    bindings::{
        __sk_buff, BPF_CSUM_LEVEL_QUERY, BPF_F_INGRESS, BPF_F_MARK_MANGLED_0, BPF_F_RECOMPUTE_CSUM,
        TC_ACT_REDIRECT, bpf_redir_neigh,
    },
    helpers::{
        bpf_csum_level, bpf_redirect, bpf_redirect_neigh, bpf_redirect_peer, bpf_skb_change_tail,
        bpf_skb_load_bytes, bpf_skb_store_bytes, bpf_skb_vlan_pop, bpf_skb_vlan_push,
    },
    programs::TcContext,
};
use netfwd_common::{maps::Deliver, verdict::DropReason, vxlan};

use crate::{
    count,
    exit::{Action, Stage},
};

/// `PACKET_HOST`, include/uapi/linux/if_packet.h.
const PACKET_HOST: u32 = 0;

/// Declares a reader of one field of `__sk_buff`.
macro_rules! field {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[inline(always)]
        pub fn $name(ctx: &TcContext) -> u32 {
            // SAFETY: the kernel hands the program a valid context.
            unsafe { (*ctx.skb.skb).$name }
        }
    };
}

field!(/// The interface that the hook stands on.
    ifindex);
field!(/// The interface that the packet came in by, 0 for one that this host made.
    ingress_ifindex);
field!(/// Octets of payload of each segment of a super-packet; 0 for a plain packet.
    gso_size);
field!(/// Whether an 802.1Q tag stands in the metadata.
    vlan_present);
field!(/// The tag control information of the tag in the metadata.
    vlan_tci);
field!(/// The EtherType of the tag in the metadata, in wire order.
    vlan_proto);
field!(/// The mark.
    mark);
field!(/// The EtherType, in wire order; that of what a tag in the metadata is in front of.
    protocol);
field!(/// Whom the link layer addressed it to.
    pkt_type);

/// The [`gso_size`] of a super-packet whose segments are of any size, each a frame of its list: `GSO_BY_FRAGS`,
/// include/linux/skbuff.h. SCTP makes such packets.
pub const BY_FRAGS: u32 = 0xffff;

/// Whether the link layer addressed the frame to this host.
#[inline(always)]
pub fn is_for_host(ctx: &TcContext) -> bool {
    pkt_type(ctx) == PACKET_HOST
}

/// EtherType of an 802.1Q tag (IEEE 802.1Q-2018 table 9-1).
pub const TAG: u16 = 0x8100;
/// VLAN identifier of a tag control information; the other bits are priority and drop eligibility.
pub const VID: u16 = 0x0fff;

/// Tags the frame with a VLAN, and with the priority that it had; 0 for none leaves it as it is.
#[inline(always)]
pub fn tag(ctx: &TcContext, vid: u16, tci: u16) -> Result<(), DropReason> {
    if vid == 0 || push(ctx.skb.skb, vid | (tci & !VID)) {
        Ok(())
    } else {
        Err(DropReason::RewriteFailed)
    }
}

/// Pushes an 802.1Q tag into the metadata; one that is there goes into the frame.
#[inline(always)]
pub fn push(skb: *mut __sk_buff, tci: u16) -> bool {
    // SAFETY: the context is the program's own.
    unsafe { bpf_skb_vlan_push(skb, TAG.to_be(), tci) == 0 }
}

/// Pops the outer tag, wherever it stands.
#[inline(always)]
pub fn pop(skb: *mut __sk_buff) -> bool {
    // SAFETY: the context is the program's own.
    unsafe { bpf_skb_vlan_pop(skb) == 0 }
}

/// Copies octets of the frame, which need not be in its linear part; says whether it has as many.
#[inline(always)]
pub fn read_into<const N: usize>(ctx: &TcContext, offset: usize, to: &mut [u8; N]) -> bool {
    // SAFETY: `to` has room for the octets asked for.
    let ret = unsafe {
        bpf_skb_load_bytes(
            ctx.as_ptr(),
            offset as u32,
            to.as_mut_ptr().cast(),
            N as u32,
        )
    };
    ret == 0
}

/// Writes octets of the frame; says whether it has as many.
#[inline(always)]
pub fn write(ctx: &TcContext, offset: usize, octets: &[u8], flags: u64) -> bool {
    // SAFETY: the octets are initialised, and the helper sees to it that they fit the frame.
    let ret = unsafe {
        bpf_skb_store_bytes(
            ctx.skb.skb.cast(),
            offset as u32,
            octets.as_ptr().cast(),
            octets.len() as u32,
            flags,
        )
    };
    ret == 0
}

/// Whether a NIC, or GRO, has verified the checksum of the outermost UDP header.
#[inline(always)]
pub fn is_verified(ctx: &TcContext) -> bool {
    // SAFETY: the context is the program's own.
    unsafe { bpf_csum_level(ctx.skb.skb, u64::from(BPF_CSUM_LEVEL_QUERY)) >= 0 }
}

/// Writes a VXLAN header without reserved bits, in front of the inner frame at `end`; the UDP checksum stands
/// two octets before it.
#[inline(always)]
pub fn set_vxlan(ctx: &TcContext, end: usize, vni: u32, checksum: bool) -> Result<(), i64> {
    const BEFORE: usize = 2;
    let header = vxlan::header(vni);
    let start = end - vxlan::HEADER_LEN;
    let old: [u8; vxlan::HEADER_LEN] = ctx.load(start)?;
    if checksum {
        for at in [0, 4] {
            let from = u32::from_ne_bytes([old[at], old[at + 1], old[at + 2], old[at + 3]]);
            let to =
                u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
            let flags = u64::from(BPF_F_MARK_MANGLED_0) | 4;
            ctx.l4_csum_replace(start - BEFORE, u64::from(from), u64::from(to), flags)?;
        }
    }
    ctx.store(start, &header, u64::from(BPF_F_RECOMPUTE_CSUM))
}

/// What says that a packet came in by an uplink: as its `tc_index` it travels with the packet to the
/// companion, and unlike the mark no firewall rule writes it.
const FROM_UPLINK: u16 = 0x6e66;

/// Notes that the packet came in by an uplink.
#[inline(always)]
pub fn set_from_uplink(ctx: &TcContext) {
    // On TC_ACT_OK the kernel writes `tc_index` from it (net/core/dev.c, tcx_action_code and tc_run).
    // SAFETY: the kernel hands the program a valid context, whose `tc_classid` it may write.
    unsafe { (*ctx.skb.skb).tc_classid = u32::from(FROM_UPLINK) };
}

/// Whether the packet came in by an uplink; forgets it.
#[inline(always)]
pub fn take_from_uplink(ctx: &TcContext) -> bool {
    // SAFETY: as above, and of `tc_index`.
    unsafe {
        let noted = (*ctx.skb.skb).tc_index == u32::from(FROM_UPLINK);
        (*ctx.skb.skb).tc_index = 0;
        noted
    }
}

/// Forgets what a station wrote there: its own host's filters may write `tc_index` too, and it is kept between network
/// namespaces (net/core/skbuff.c, `skb_scrub_packet`).
#[inline(always)]
pub fn forget_notes(ctx: &TcContext) {
    // SAFETY: as above.
    unsafe { (*ctx.skb.skb).tc_index = 0 };
}

/// What says that this host's programs have encapsulated or translated a packet and counted it for its
/// uplink.
const FINISHED: u16 = 0x6e65;

/// Notes that the packet needs nothing more, for [`take_finished`] on its uplink.
#[inline(always)]
pub fn set_finished(ctx: &TcContext) {
    // SAFETY: the kernel hands the program a valid context, whose `tc_index` it may write.
    unsafe { (*ctx.skb.skb).tc_index = u32::from(FINISHED) };
}

/// Whether the packet needs nothing more; forgets it.
#[inline(always)]
pub fn take_finished(ctx: &TcContext) -> bool {
    // SAFETY: as above.
    unsafe {
        let noted = (*ctx.skb.skb).tc_index == u32::from(FINISHED);
        if noted {
            (*ctx.skb.skb).tc_index = 0;
        }
        noted
    }
}

/// Sets the mark.
#[inline(always)]
pub fn set_mark(skb: *mut __sk_buff, mark: u32) {
    // SAFETY: the kernel hands the program a valid context, whose mark it may write.
    unsafe { (*skb).mark = mark };
}

/// Cuts the frame to a length, or pads it.
#[inline(always)]
pub fn resize(ctx: &TcContext, octets: usize) -> bool {
    // SAFETY: the context is the program's own.
    unsafe { bpf_skb_change_tail(ctx.skb.skb, octets as u32, 0) == 0 }
}

/// Hands the frame to an interface and counts it for the owner of `slot`.
#[inline(always)]
pub fn deliver(ctx: &TcContext, ifindex: u32, deliver: u8, slot: u32) -> Stage {
    count::tx(slot, ctx.len() as usize);
    let ret = match Deliver::from_number(deliver) {
        Deliver::Transmit => redirect(ifindex, 0),
        Deliver::Receive => redirect(ifindex, u64::from(BPF_F_INGRESS)),
        Deliver::Peer => {
            // The port's own MAC is not the frame's destination, so it came in as PACKET_OTHERHOST,
            // and the container's stack would drop it (net/ipv4/ip_input.c, ip_rcv_core).
            if !is_for_host(ctx) && ctx.change_type(PACKET_HOST).is_err() {
                return Err(DropReason::RedirectFailed);
            }
            // SAFETY: takes two integers; the kernel looks the interface up itself.
            unsafe { bpf_redirect_peer(ifindex, 0) }
        }
    };
    verdict(ret)
}

/// Sends the packet out of an interface to a next hop that the kernel resolves first; it writes the
/// Ethernet header.
#[inline(always)]
pub fn transmit_to(ifindex: u32, next_hop: &mut bpf_redir_neigh) -> Stage {
    let size = size_of::<bpf_redir_neigh>() as i32;
    // SAFETY: the parameters are initialised and have the size given.
    verdict(unsafe { bpf_redirect_neigh(ifindex, next_hop, size, 0) })
}

/// Sends the frame out of an interface.
#[inline(always)]
pub fn transmit(ifindex: u32) -> Stage {
    verdict(redirect(ifindex, 0))
}

#[inline(always)]
fn redirect(ifindex: u32, flags: u64) -> i64 {
    // SAFETY: takes two integers; the kernel looks the interface up itself.
    unsafe { bpf_redirect(ifindex, flags) }
}

#[inline(always)]
fn verdict(ret: i64) -> Stage {
    if ret == i64::from(TC_ACT_REDIRECT) {
        Ok(Action::Redirect)
    } else {
        Err(DropReason::RedirectFailed)
    }
}
