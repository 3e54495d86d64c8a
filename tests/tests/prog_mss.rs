//! The MSS that TCP SYNs announce, one frame at a time.

use anyhow::{Result, ensure};
use netfwd_common::maps::ConfigFlags;
use tests::{
    packet::{Ipv4, Tcp, checksums, complete, ether_type, ethernet, tcp_flags},
    prog::{
        Hook, Ran, Verdict, World,
        mac::{C1, C3},
        nat::{OUTSIDE, PORT, SERVER, c1_to_server, from_server, out},
    },
};

fn v4() -> Ipv4 {
    Ipv4::new("10.0.3.11", "10.0.3.13")
}

/// A TCP packet with these flags and options, its checksum right.
fn with_options(ip: Ipv4, ports: (u16, u16), flags: u8, options: &[u8]) -> Vec<u8> {
    let tcp = Tcp {
        flags,
        ..Tcp::syn(ports.0, ports.1)
    };
    // The header's length counts the options, which stand where the payload would.
    let mut packet = ip.tcp(&tcp, options);
    packet[32] = (((20 + options.len()) / 4) << 4) as u8;
    packet[36..38].copy_from_slice(&[0, 0]);
    let len = (packet.len() - 20) as u16;
    let mut segment = [
        &packet[12..20],
        &[0, 6],
        &len.to_be_bytes()[..],
        &packet[20..],
    ]
    .concat();
    complete(&mut segment, 0, 12 + 16);
    packet[36..38].copy_from_slice(&segment[28..30]);
    packet
}

fn to_c3(flags: u8, options: &[u8]) -> Vec<u8> {
    let packet = with_options(v4(), (40_000, 80), flags, options);
    ethernet(C3, C1, ether_type::IPV4, &packet)
}

fn clamping(world: &mut World) -> Result<()> {
    world.learn(C3, World::behind_peer())?;
    let mut config = world.config();
    config.flags = config.flags.with(ConfigFlags::MSS_CLAMP);
    world.tables().set_config(config)
}

/// The inner frame of one that was encapsulated, its checksums right.
fn inner(ran: &Ran) -> Result<Vec<u8>> {
    checksums(&ran.frame)?;
    Ok(ran.frame[50..].to_vec())
}

fn mss(octets: u16) -> [u8; 4] {
    let [high, low] = octets.to_be_bytes();
    [2, 4, high, low]
}

/// A SYN with these options leaves as one with those.
fn becomes(flags: u8, options: &[u8], expected: &[u8]) -> Result<()> {
    let mut world = World::new()?;
    clamping(&mut world)?;
    let ran = world.run(Hook::PortIngress, world.wires.p1, &to_c3(flags, options))?;
    let inner = inner(&ran)?;
    ensure!(
        inner[54..] == *expected,
        "{options:02x?} became {:02x?}, not {expected:02x?}",
        &inner[54..]
    );
    Ok(())
}

#[test]
fn syns_announce_what_fits() -> Result<()> {
    const SYN_ACK: u8 = tcp_flags::SYN | tcp_flags::ACK;
    const TAIL: [u8; 4] = [1, 3, 3, 7];
    let behind = |first: &[u8], value| [first, &mss(value), &TAIL].concat();
    becomes(tcp_flags::SYN, &behind(&[], 1460), &behind(&[], 1410))?;
    becomes(
        SYN_ACK,
        &behind(&[4, 2, 1, 1], 1460),
        &behind(&[4, 2, 1, 1], 1410),
    )?;
    // At an odd offset the value straddles two words of the checksum.
    let odd = [&[1], &mss(8960)[..], &[1, 1, 0]].concat();
    becomes(
        tcp_flags::SYN,
        &odd,
        &[&[1], &mss(1410)[..], &[1, 1, 0]].concat(),
    )
}

#[test]
fn what_is_left_alone() -> Result<()> {
    let lower = mss(1400);
    becomes(tcp_flags::SYN, &lower, &lower)?;
    becomes(tcp_flags::SYN, &mss(1410), &mss(1410))?;
    becomes(tcp_flags::ACK, &mss(1460), &mss(1460))?;
    for malformed in [
        [3, 0, 2, 4, 0x05, 0xb4, 0, 0],
        [2, 3, 0x05, 0xb4, 0, 0, 0, 0],
        [0, 0, 0, 0, 2, 4, 0x05, 0xb4],
        [3, 9, 1, 1, 2, 4, 0x05, 0xb4],
    ] {
        becomes(tcp_flags::SYN, &malformed, &malformed)?;
    }
    let mut world = World::new()?;
    world.learn(C3, World::behind_peer())?;
    let syn = to_c3(tcp_flags::SYN, &mss(1460));
    let ran = world.run(Hook::PortIngress, world.wires.p1, &syn)?;
    ensure!(inner(&ran)? == syn, "it was clamped without being asked to");
    Ok(())
}

/// Through NAT both ways: what the other side may send has to fit the network as well.
#[test]
fn routed_syns_announce_what_fits() -> Result<()> {
    const SYN_ACK: u8 = tcp_flags::SYN | tcp_flags::ACK;
    let mut world = World::new()?;
    clamping(&mut world)?;
    let (p1, uplink) = (world.wires.p1, world.wires.uplink);
    let syn = with_options(c1_to_server(), (PORT, 80), tcp_flags::SYN, &mss(1460));
    let ran = world.run(Hook::PortIngress, p1, &out(&syn))?;
    ensure!(ran.verdict == Verdict::Redirect, "{:?}", ran.verdict);
    checksums(&ran.frame)?;
    ensure!(ran.frame[54..] == mss(1410), "{:02x?}", &ran.frame[54..]);
    let reply = Ipv4::new(SERVER, OUTSIDE);
    let reply = with_options(reply, (80, PORT), SYN_ACK, &mss(1460));
    let ran = world.run(Hook::UplinkIngress, uplink, &from_server(&reply))?;
    checksums(&ran.frame)?;
    ensure!(ran.frame[54..] == mss(1410), "{:02x?}", &ran.frame[54..]);
    Ok(())
}
