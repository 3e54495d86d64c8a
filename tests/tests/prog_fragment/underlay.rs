//! Tunnels in fragments: the host's stack puts them together.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::{
    packet::{Ipv4, RawSocket, ether_type, ethernet, pieces},
    prog::{
        Hook, Verdict,
        mac::{PEER, UNDERLAY},
    },
};

use super::{header, payload, world};

/// VXLAN of a peer in pieces.
fn tunnelled(id: u16) -> Vec<Vec<u8>> {
    let ip: Ipv4 = header("172.31.0.2", "172.31.0.1", id);
    let whole = ip.udp(50_000, 4789, &payload(300));
    let frame = |piece: &Vec<u8>| ethernet(UNDERLAY, PEER, ether_type::IPV4, piece);
    pieces(ip, &whole, 104).iter().map(frame).collect()
}

#[test]
fn a_tunnel_in_pieces_is_the_stacks() -> Result<()> {
    let mut world = world()?;
    let underlay = world.wires.underlay;
    for frame in tunnelled(31) {
        let ran = world.run(Hook::UplinkIngress, underlay, &frame)?;
        ensure!(
            ran.verdict == Verdict::Pass && ran.frame == frame,
            "{ran:?}"
        );
    }
    Ok(())
}

#[test]
fn one_out_of_order_comes_in_again() -> Result<()> {
    let mut world = world()?;
    let underlay = world.wires.underlay;
    let frames = tunnelled(32);
    let socket = RawSocket::open(&world.wires.here, "up0")?;
    for frame in [&frames[1], &frames[0]] {
        let ran = world.run(Hook::UplinkIngress, underlay, frame)?;
        ensure!(ran.verdict == Verdict::Shot, "{ran:?}");
    }
    ensure!(world.drops()?.is_empty(), "{:?}", world.drops()?);
    for frame in &frames[..2] {
        let again = socket.next(Duration::from_secs(2), |seen| seen == frame)?;
        again.context("it did not come in again")?;
        let ran = world.run(Hook::UplinkIngress, underlay, frame)?;
        ensure!(ran.verdict == Verdict::Pass, "{ran:?}");
    }
    Ok(())
}
