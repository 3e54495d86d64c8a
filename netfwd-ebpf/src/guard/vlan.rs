//! Which VLAN a frame is in. Inside, frames have no tag of ours: it is popped here, and pushed again
//! where the frame leaves tagged.

use aya_ebpf::programs::TcContext;
use netfwd_common::{
    maps::{Network, Port, PortFlags, VlanKey},
    verdict::DropReason,
};

use crate::{
    frame::Frame,
    maps,
    parse::{ETH_LEN, Ethernet},
    port, skb,
    source::Source,
};

/// VLAN identifier that tags a frame with a priority alone (IEEE 802.1Q-2018 table 9-2).
const PRIORITY_ONLY: u16 = 0;
/// Reserved (IEEE 802.1Q-2018 table 9-2).
const RESERVED: u16 = 0x0fff;

/// Puts a frame from a VLAN-aware port into its VLAN, counts it for whom it is from then, and takes its tag off.
#[inline(always)]
pub fn from_port(ctx: &TcContext, source: &mut Source, port: &Port) -> Result<(), DropReason> {
    let tag = match Tag::of(ctx) {
        Ok(tag) => tag,
        Err(reason) => {
            port::count(ctx, source.slot);
            return Err(reason);
        }
    };
    let placed = place(source, port, tag.tci & skb::VID);
    port::count(ctx, source.slot);
    placed?;
    source.tci = tag.tci;
    tag.strip(ctx)
}

/// Notes where frames of a port with this tag belong, 0 for none.
#[inline(always)]
fn place(source: &mut Source, port: &Port, vid: u16) -> Result<(), DropReason> {
    if vid == PRIORITY_ONLY {
        untagged(source, port)
    } else {
        tagged(source, vid)
    }
}

/// Puts a frame from a peer of a VLAN-aware network into its VLAN, and takes its tag off.
#[inline(always)]
pub fn from_peer(
    ctx: &TcContext,
    source: &mut Source,
    network: &Network,
) -> Result<(), DropReason> {
    let tag = Tag::of(ctx)?;
    let vid = tag.tci & skb::VID;
    if vid == RESERVED {
        return Err(DropReason::Vlan);
    }
    if vid != PRIORITY_ONLY && vid != network.vlan {
        source.vlan = vid;
        source.tag = vid;
    }
    source.tci = tag.tci;
    tag.strip(ctx)
}

#[inline(always)]
fn untagged(source: &mut Source, port: &Port) -> Result<(), DropReason> {
    if !port.flags.has(PortFlags::UNTAGGED) {
        return Err(DropReason::Vlan);
    }
    source.network = port.network;
    source.vlan = port.vlan;
    let tagged = port.flags.has(PortFlags::TAG_NATIVE);
    source.tag = if tagged { port.vlan } else { 0 };
    Ok(())
}

#[inline(always)]
fn tagged(source: &mut Source, vid: u16) -> Result<(), DropReason> {
    let key = VlanKey {
        ifindex: source.ifindex,
        vid,
        pad: 0,
    };
    let vlan = maps::vlan(&key).ok_or(DropReason::Vlan)?;
    source.network = vlan.network;
    source.slot = vlan.slot;
    source.vlan = vlan.vlan;
    source.tag = vlan.tag;
    Ok(())
}

/// A frame's 802.1Q tag. Where there is none its tag control information is zero rather than undefined,
/// as it would be in an `Option`: the verifier refuses to see what is undefined kept on the stack.
struct Tag {
    stands: bool,
    tci: u16,
}

impl Tag {
    /// The tag of a frame, in the metadata or in the frame. An 802.1ad tag is none of ours: the frame is
    /// an untagged one that carries it.
    #[inline(always)]
    fn of(ctx: &TcContext) -> Result<Self, DropReason> {
        if skb::vlan_present(ctx) != 0 {
            let ours = skb::vlan_proto(ctx) == u32::from(skb::TAG.to_be());
            let tci = skb::vlan_tci(ctx) as u16;
            return Ok(if ours { Self::with(tci) } else { Self::NONE });
        }
        let eth = Ethernet::read(ctx, 0).ok_or(DropReason::Malformed)?;
        if eth.ether_type != skb::TAG {
            return Ok(Self::NONE);
        }
        let tci = ctx.read::<2>(ETH_LEN).ok_or(DropReason::Malformed)?;
        Ok(Self::with(u16::from_be_bytes(tci)))
    }

    const NONE: Self = Self {
        stands: false,
        tci: 0,
    };

    #[inline(always)]
    const fn with(tci: u16) -> Self {
        Self { stands: true, tci }
    }

    #[inline(always)]
    fn strip(&self, ctx: &TcContext) -> Result<(), DropReason> {
        if self.stands && !skb::pop(ctx.skb.skb) {
            return Err(DropReason::RewriteFailed);
        }
        Ok(())
    }
}
