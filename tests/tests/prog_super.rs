//! Super-packets: the size of their segments counts, and not their own.

use anyhow::{Result, ensure};
use tests::{
    packet::{Ipv4, ether_type, ethernet},
    prog::{
        Hook, Ran, Verdict, World,
        mac::{C1, C3},
        nat::{OUTSIDE, SERVER, out, outside, routed},
    },
};

/// `GSO_BY_FRAGS`, include/linux/skbuff.h: the segments are in a list, and have no size in common.
const BY_FRAGS: u32 = 0xffff;
const SCTP: u8 = 132;
const PAYLOAD: [u8; 2800] = [0x5a; 2800];

/// One of c1's for c3, behind a peer whose network carries 1450 octets.
fn to_the_peer(world: &mut World, segment: u32) -> Result<(Vec<u8>, Ran)> {
    world.learn(C3, World::behind_peer())?;
    let packet = Ipv4::new("10.0.3.11", "10.0.3.13").packet(SCTP, &PAYLOAD);
    let frame = ethernet(C3, C1, ether_type::IPV4, &packet);
    let on = (Hook::PortIngress, world.wires.p1);
    let ran = world.run_super(on, &frame, segment)?;
    ensure!(ran.verdict == Verdict::Redirect, "{:?}", ran.verdict);
    Ok((frame, ran))
}

/// The kernel's vxlan cuts them up as any other device does; also when a way to that peer is remembered.
#[test]
fn what_is_cut_by_a_list_is_the_companions() -> Result<()> {
    let mut world = World::new()?;
    for round in 1..=2 {
        let (frame, ran) = to_the_peer(&mut world, BY_FRAGS)?;
        ensure!(ran.frame == frame, "round {round}: {:02x?}", ran.frame);
        let plain = ethernet(
            C3,
            C1,
            ether_type::IPV4,
            &Ipv4::new("10.0.3.11", "10.0.3.13").udp(1, 2, b""),
        );
        let ran = world.run(Hook::PortIngress, world.wires.p1, &plain)?;
        ensure!(ran.frame.len() == plain.len() + 50, "{:02x?}", ran.frame);
    }
    Ok(())
}

/// Segments that do not fit are told of, however long the whole is.
#[test]
fn a_segment_that_does_not_fit_is_told() -> Result<()> {
    const ERROR: usize = 14 + 576;
    let (_, ran) = to_the_peer(&mut World::new()?, 1431)?;
    ensure!(ran.frame.len() == ERROR, "{:02x?}", ran.frame);
    Ok(())
}

#[test]
fn what_is_cut_by_a_list_is_translated() -> Result<()> {
    let mut world = World::new()?;
    let on = (Hook::PortIngress, world.wires.p1);
    let frame = out(&Ipv4::new("10.0.3.11", SERVER).packet(47, &PAYLOAD));
    let sent = outside(&routed(OUTSIDE, SERVER).packet(47, &PAYLOAD));
    for _ in 1..=3 {
        let ran = world.run_super(on, &frame, BY_FRAGS)?;
        ensure!(ran.verdict == Verdict::Redirect, "{:?}", ran.verdict);
        ensure!(ran.frame == sent, "{:02x?} is not {sent:02x?}", ran.frame);
    }
    Ok(())
}
