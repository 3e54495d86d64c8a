//! What is no sound fragment, and what is not translated.

use anyhow::{Result, ensure};
use netfwd_common::{nat::proto, verdict::DropReason};
use tests::{
    packet::{Ipv4, Tcp, pieces},
    prog::{
        Verdict,
        nat::{OUTSIDE, PORT, SERVER, from_server, out, outside},
    },
};

use super::{At, from_c1, header, payload, world};

/// A fragment of c1's with these flags and offset.
fn piece(fragment: u16, proto: u8, payload: &[u8]) -> Vec<u8> {
    let ip = from_c1(21);
    out(&Ipv4 { fragment, ..ip }.packet(proto, payload))
}

#[test]
fn headers_are_not_taken_apart() -> Result<()> {
    const MORE: u16 = Ipv4::MORE_FRAGMENTS;
    let mut world = world()?;
    let tcp = from_c1(21).tcp(&Tcp::syn(PORT, 80), &[]);
    let tiny = piece(MORE, proto::TCP, &tcp[20..36]);
    let overlapping = piece(1, proto::TCP, &[0; 64]);
    for frame in [tiny, overlapping] {
        At::P1.drops(&mut world, &frame, DropReason::Fragment)?;
    }
    let uneven = piece(MORE, proto::UDP, &[0; 63]);
    let beyond = piece(0x1fff, proto::UDP, &[0; 64]);
    let empty = piece(MORE, proto::UDP, &[]);
    for frame in [uneven, beyond, empty] {
        At::P1.drops(&mut world, &frame, DropReason::Malformed)?;
    }
    let mut cut = piece(100, proto::UDP, &[0; 64]);
    cut.truncate(80);
    At::P1.drops(&mut world, &cut, DropReason::Malformed)
}

/// Fragments to the host's own sockets, and to others that it routes to, are the stack's.
#[test]
fn what_is_the_hosts_stays_the_hosts() -> Result<()> {
    let mut world = world()?;
    let mut passes = |at: At, frame: Vec<u8>| {
        let ran = at.run(&mut world, &frame)?;
        ensure!(
            ran.verdict == Verdict::Pass && ran.frame == frame,
            "{ran:?}"
        );
        Ok(())
    };
    let to_host = header(SERVER, OUTSIDE, 22);
    for piece in pieces(to_host, &to_host.udp(53, 9, &payload(200)), 104) {
        passes(At::Uplink, from_server(&piece))?;
    }
    let to_others = header(SERVER, "192.168.99.77", 23);
    let pieces_of_others = pieces(to_others, &to_others.udp(53, PORT, &payload(200)), 104);
    passes(At::Uplink, from_server(&pieces_of_others[1]))?;
    let own = header(OUTSIDE, SERVER, 24);
    for piece in pieces(own, &own.udp(9, 53, &payload(200)), 104) {
        passes(At::Leaving, outside(&piece))?;
    }
    Ok(())
}

/// By their addresses alone, so that order does not matter.
#[test]
fn protocols_without_ports_need_no_first() -> Result<()> {
    const GRE: u8 = 47;
    let mut world = world()?;
    let whole = |ip: Ipv4| pieces(ip, &ip.packet(GRE, &payload(300)), 104);
    let sent = whole(from_c1(25));
    let left = whole(super::hop(OUTSIDE, SERVER, 25));
    for index in [2, 0, 1] {
        At::P1.becomes(&mut world, &out(&sent[index]), &outside(&left[index]))?;
    }
    Ok(())
}
