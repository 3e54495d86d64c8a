//! In order and out of order.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use netfwd_common::verdict::DropReason;
use tests::{
    packet::{Ipv4, RawSocket, Tcp, pieces},
    prog::{
        World,
        nat::{OUTSIDE, PORT, SERVER, from_server, one_session, out, outside, to_c1},
        slot,
    },
};

use super::{At, C1, from_c1, header, hop, payload, query, seen, world};

const SOON: Duration = Duration::from_secs(2);

/// Each piece comes by, and is translated.
fn all_become(world: &mut World, at: At, frames: &[Vec<u8>], expected: &[Vec<u8>]) -> Result<()> {
    ensure!(frames.len() == expected.len() && frames.len() > 2);
    frames
        .iter()
        .zip(expected)
        .try_for_each(|(frame, expected)| at.becomes(world, frame, expected))
}

fn framed(pieces: &[Vec<u8>], frame: fn(&[u8]) -> Vec<u8>) -> Vec<Vec<u8>> {
    pieces.iter().map(|piece| frame(piece)).collect()
}

#[test]
fn both_directions_are_translated() -> Result<()> {
    let mut world = world()?;
    let asked = framed(&query(7, 400), out);
    all_become(&mut world, At::P1, &asked, &framed(&seen(7, 400), outside))?;
    let answer = |ip: Ipv4, port| {
        let whole = ip.udp(53, port, &payload(333));
        pieces(ip, &whole, 64)
    };
    let arrives = framed(&answer(header(SERVER, OUTSIDE, 9), PORT), from_server);
    let told = framed(&answer(hop(SERVER, C1, 9), PORT), to_c1);
    all_become(&mut world, At::Uplink, &arrives, &told)?;
    let sessions = one_session(&mut world)?;
    let mut packets = sessions.map(|(_, session)| session.packets);
    packets.sort_unstable();
    ensure!(packets == [4, 6], "{sessions:#?}");
    Ok(())
}

#[test]
fn tcp_and_echoes_are_translated() -> Result<()> {
    let mut world = world()?;
    let tcp = |ip: Ipv4| pieces(ip, &ip.tcp(&Tcp::syn(PORT, 80), &payload(200)), 80);
    let echo = |ip: Ipv4| pieces(ip, &ip.echo_request(PORT, 1, &payload(200)), 80);
    for (id, cut) in [(1, &tcp as &dyn Fn(Ipv4) -> _), (2, &echo)] {
        let asked = framed(&cut(from_c1(id)), out);
        let left = framed(&cut(hop(OUTSIDE, SERVER, id)), outside);
        all_become(&mut world, At::P1, &asked, &left)?;
    }
    Ok(())
}

#[test]
fn the_slow_way_translates_them_too() -> Result<()> {
    let mut world = world()?;
    let whole = |ip: Ipv4| pieces(ip, &ip.udp(PORT, 53, &payload(300)), 104);
    let routed = framed(&whole(from_c1(3)), outside);
    let left = framed(&whole(header(OUTSIDE, SERVER, 3)), outside);
    all_become(&mut world, At::Leaving, &routed, &left)?;
    let alone = outside(&whole(from_c1(4))[1]);
    At::Leaving.drops(&mut world, &alone, DropReason::FragmentLost)
}

/// What comes in again on an interface of the world's.
fn again(socket: &RawSocket, frames: &[&Vec<u8>]) -> Result<()> {
    for expected in frames {
        let seen = socket.next(SOON, |frame| frame.starts_with(&expected[..14]))?;
        let seen = seen.context("nothing came in again")?;
        ensure!(&seen == *expected, "{seen:02x?}\nis not\n{expected:02x?}");
    }
    Ok(())
}

#[test]
fn what_comes_before_its_first_waits_for_it() -> Result<()> {
    let mut world = world()?;
    let socket = RawSocket::open(&world.wires.here, "p1")?;
    let asked = framed(&query(11, 300), out);
    let [first, second, third] = &asked[..] else {
        unreachable!("three pieces");
    };
    At::P1.waits(&mut world, third)?;
    At::P1.waits(&mut world, second)?;
    At::P1.waits(&mut world, first)?;
    again(&socket, &[first, third, second])?;
    let left = framed(&seen(11, 300), outside);
    for (frame, expected) in [(first, &left[0]), (third, &left[2]), (second, &left[1])] {
        At::P1.becomes(&mut world, frame, expected)?;
    }
    Ok(())
}

#[test]
fn replies_out_of_order_wait_too() -> Result<()> {
    let mut world = world()?;
    all_become(
        &mut world,
        At::P1,
        &framed(&query(12, 300), out),
        &framed(&seen(12, 300), outside),
    )?;
    let socket = RawSocket::open(&world.wires.here, "up1")?;
    let answer = |ip: Ipv4| pieces(ip, &ip.udp(53, PORT, &payload(200)), 104);
    let arrives = framed(&answer(header(SERVER, OUTSIDE, 13)), from_server);
    At::Uplink.waits(&mut world, &arrives[1])?;
    At::Uplink.waits(&mut world, &arrives[0])?;
    again(&socket, &[&arrives[0], &arrives[1]])?;
    let told = framed(&answer(hop(SERVER, C1, 13)), to_c1);
    At::Uplink.becomes(&mut world, &arrives[0], &told[0])?;
    At::Uplink.becomes(&mut world, &arrives[1], &told[1])
}

/// Sixteen fragments of a datagram may wait, and what waits in vain makes room.
#[test]
fn what_waits_is_bounded() -> Result<()> {
    let mut world = world()?;
    let asked = framed(&query(14, 104 * 20), out);
    for piece in &asked[1..17] {
        At::P1.waits(&mut world, piece)?;
    }
    At::P1.drops(&mut world, &asked[17], DropReason::FragmentLost)?;
    std::thread::sleep(Duration::from_millis(2_100));
    At::P1.drops(&mut world, &asked[18], DropReason::FragmentLost)?;
    world.tables().clear_drops()?;
    let socket = RawSocket::open(&world.wires.here, "p1")?;
    At::P1.waits(&mut world, &asked[0])?;
    again(&socket, &[&asked[0], &asked[18]])
}

#[test]
fn a_flood_of_them_leaves_order_alone() -> Result<()> {
    let mut world = world()?;
    for id in 100..400 {
        At::P1.run(&mut world, &out(&query(id, 200)[1]))?;
    }
    let (drops, kept) = (world.drops()?, 300 - 128);
    let [(slot::P1, DropReason::FragmentLost, lost)] = drops[..] else {
        anyhow::bail!("{drops:?}");
    };
    ensure!(lost >= kept, "{lost} of 300 were refused");
    let asked = framed(&query(15, 300), out);
    all_become(&mut world, At::P1, &asked, &framed(&seen(15, 300), outside))
}
