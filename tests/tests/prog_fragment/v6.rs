//! The same over IPv6.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use netfwd_common::{
    addr::{Addr, UNSPECIFIED},
    maps::{SessionFlags, Subnet},
    nat::proto,
    verdict::DropReason,
};
use tests::{
    packet::{Ipv6, Mac, RawSocket, ether_type, ethernet, pieces_v6, v6},
    prog::{
        NETWORK, Translated, World,
        mac::{C1, GATEWAY, SERVER, UPLINK},
        nat::PORT,
    },
};

use super::{At, payload};

const INSIDE: &str = "fd00:3::11";
const OUTSIDE: &str = "fd00:99::1";
const REMOTE: &str = "fd00:99::100";
const INSIDE_PORT: u16 = 4000;
const WIRES: &str = "\
addr replace fd00:99::1/64 dev up1 nodad
neigh replace fd00:99::100 lladdr 02:00:00:00:b0:64 dev up1 nud permanent
addr replace fd00:3::1/64 dev gw nodad
neigh replace fd00:3::11 lladdr 02:00:00:00:00:0b dev gw nud permanent";

/// A masqueraded IPv6 subnet, and a session of c1's.
fn world() -> Result<World> {
    let mut world = super::world()?;
    world.wires.here.ip(WIRES)?;
    let subnet = Subnet {
        source: UNSPECIFIED,
        sources: 0,
        network: NETWORK,
        masquerade: 1,
        pad: 0,
    };
    let uplink = world.wires.uplink;
    let mut tables = world.tables();
    tables.put_prefix(64, Addr::new(v6("fd00:3::").octets()), subnet)?;
    tables.put("locals", &v6(OUTSIDE).octets(), &uplink)?;
    world.translate(&Translated {
        proto: proto::UDP,
        inside: "[fd00:3::11]:4000",
        outside: "[fd00:99::1]:40000",
        remote: "[fd00:99::100]:53",
        station: C1,
        flags: SessionFlags::default(),
    })?;
    Ok(world)
}

/// A datagram in pieces: from the first of two ends to the second, each with its port.
fn datagram(ends: [(&str, u16); 2], hops: u8, id: u32) -> Vec<Vec<u8>> {
    let [(src, src_port), (dst, dst_port)] = ends;
    let ip = Ipv6 {
        hops,
        ..Ipv6::new(src, dst)
    };
    pieces_v6(ip, &ip.udp(src_port, dst_port, &payload(300)), 104, id)
}

fn frame(dst: Mac, src: Mac, packet: &[u8]) -> Vec<u8> {
    ethernet(dst, src, ether_type::IPV6, packet)
}

#[test]
fn both_directions_are_translated() -> Result<()> {
    let mut world = world()?;
    let sent = datagram([(INSIDE, INSIDE_PORT), (REMOTE, 53)], 64, 41);
    let left = datagram([(OUTSIDE, PORT), (REMOTE, 53)], 63, 41);
    for (sent, left) in sent.iter().zip(&left) {
        let (sent, left) = (frame(GATEWAY, C1, sent), frame(SERVER, UPLINK, left));
        At::P1.becomes(&mut world, &sent, &left)?;
    }
    let answered = datagram([(REMOTE, 53), (OUTSIDE, PORT)], 64, 42);
    let told = datagram([(REMOTE, 53), (INSIDE, INSIDE_PORT)], 63, 42);
    for (answered, told) in answered.iter().zip(&told) {
        let (answered, told) = (frame(UPLINK, SERVER, answered), frame(C1, GATEWAY, told));
        At::Uplink.becomes(&mut world, &answered, &told)?;
    }
    Ok(())
}

#[test]
fn what_comes_before_its_first_waits_for_it() -> Result<()> {
    let mut world = world()?;
    let socket = RawSocket::open(&world.wires.here, "p1")?;
    let sent = datagram([(INSIDE, INSIDE_PORT), (REMOTE, 53)], 64, 43);
    let sent: Vec<_> = sent.iter().map(|piece| frame(GATEWAY, C1, piece)).collect();
    let left = datagram([(OUTSIDE, PORT), (REMOTE, 53)], 63, 43);
    At::P1.waits(&mut world, &sent[2])?;
    At::P1.waits(&mut world, &sent[0])?;
    for index in [0, 2] {
        let again = socket.next(Duration::from_secs(2), |seen| seen == sent[index])?;
        let again = again.context("it did not come in again")?;
        At::P1.becomes(&mut world, &again, &frame(SERVER, UPLINK, &left[index]))?;
    }
    Ok(())
}

#[test]
fn headers_are_not_taken_apart() -> Result<()> {
    let mut world = world()?;
    let ip = Ipv6::new(INSIDE, REMOTE);
    let piece = |offset_and_more: u16, payload: &[u8]| {
        let [high, low] = offset_and_more.to_be_bytes();
        let header = [proto::TCP, 0, high, low, 0, 0, 0, 44];
        frame(
            GATEWAY,
            C1,
            &ip.packet(44, &[&header[..], payload].concat()),
        )
    };
    At::P1.drops(&mut world, &piece(1, &[0; 16]), DropReason::Fragment)?;
    At::P1.drops(&mut world, &piece(8, &[0; 16]), DropReason::Fragment)?;
    At::P1.drops(&mut world, &piece(1, &[0; 17]), DropReason::Malformed)?;
    let sessions = world.sessions()?;
    ensure!(sessions.len() == 2, "{sessions:#?}");
    Ok(())
}
