//! What TC alone decides about: XDP leaves it as it came.

use anyhow::{Result, ensure};
use netfwd_common::{
    maps::{Deliver, Session, SessionFlags},
    tcp,
};
use tests::{
    packet::{mend_ipv4, tcp_flags},
    prog::mac,
};

use super::{flow::Flow, place::Place};

/// Changes a session, or does not.
type Change = fn(&mut Session);

fn left(place: &mut Place, what: &str, frame: &[u8], change: Change) -> Result<()> {
    let taken = place.both(frame, change)?;
    ensure!(taken.is_none(), "{what} is taken");
    Ok(())
}

#[test]
fn flags_that_change_a_session() -> Result<()> {
    let mut place = Place::new()?;
    for flow in [Flow::Tcp, Flow::TcpV6] {
        for flag in [tcp_flags::SYN, tcp_flags::FIN, tcp_flags::RST] {
            for flags in [flag, flag | tcp_flags::ACK] {
                let frame = flow.with_flags(flags, 64, b"");
                left(&mut place, "a flag", &frame, |_| {})?;
            }
        }
    }
    Ok(())
}

#[test]
fn sessions_that_are_not_as_they_were() -> Result<()> {
    let changes: [(&str, Change); 7] = [
        ("one of another epoch", |session| session.epoch -= 1),
        ("one to the host's stack", |session| {
            session.flags = SessionFlags::TO_HOST;
        }),
        ("one that leaves", |session| session.enter = 0),
        ("one long silent", |session| {
            session.last_seen_ns -= 61_000_000_000;
        }),
        ("one that is over", |session| {
            session.last_seen_ns -= 301_000_000_000;
        }),
        ("one to a port that XDP does not reach", |session| {
            session.xdp = 0;
        }),
        ("one of a smaller MTU", |session| session.next_hop.mtu = 100),
    ];
    let mut place = Place::new()?;
    for flow in Flow::ALL {
        for (what, change) in changes {
            left(&mut place, what, &flow.frame(64, &[0; 100]), change)?;
        }
        ensure!(place.both(&flow.frame(64, &[0; 100]), |_| {})?.is_some());
    }
    Ok(())
}

#[test]
fn states_of_tcp_that_an_acknowledgement_changes() -> Result<()> {
    let changes: [(&str, Change); 4] = [
        ("one that is opening", |session| {
            session.tcp_flags = tcp::SYN;
        }),
        ("one that was reset", |session| {
            session.tcp_flags |= tcp::RST;
        }),
        ("one that the other side reset", |session| {
            session.tcp_flags |= tcp::PEER_RST;
        }),
        ("one of which nothing is known", |session| {
            session.tcp_flags = 0;
        }),
    ];
    let mut place = Place::new()?;
    for (what, change) in changes {
        for flow in [Flow::Tcp, Flow::TcpV6] {
            left(&mut place, what, &flow.frame(64, b"data"), change)?;
        }
    }
    Ok(())
}

#[test]
fn packets_of_other_kinds() -> Result<()> {
    let mut place = Place::new()?;
    let udp = Flow::Udp.frame(64, &[0x5a; 40]);
    let with = |at: usize, octets: &[u8]| {
        let mut frame = udp.clone();
        frame[at..at + octets.len()].copy_from_slice(octets);
        mend_ipv4(&mut frame);
        frame
    };
    let frames = [
        ("one at its last hop", with(22, &[1])),
        ("one beyond it", with(22, &[0])),
        ("a first fragment", with(20, &[0x20, 0])),
        ("a later fragment", with(20, &[0, 1])),
        ("one of another protocol", with(23, &[132])),
        ("one from another l4 port", with(34, &[0, 54])),
        ("one to another l4 port", with(36, &[0, 54])),
        ("one from another address", with(29, &[101])),
        ("one that is longer than its frame", with(16, &[4, 0])),
        ("one that is shorter than its header", with(16, &[0, 27])),
        (
            "one for another host's MAC",
            [&mac::PEER[..], &udp[6..]].concat(),
        ),
        (
            "a tagged one",
            [&udp[..12], &[0x81, 0, 0, 10], &udp[12..]].concat(),
        ),
        ("a truncated one", udp[..60].to_vec()),
    ];
    for (what, frame) in frames {
        left(&mut place, what, &frame, |_| {})?;
    }
    Ok(())
}

#[test]
fn packets_over_ipv6_of_other_kinds() -> Result<()> {
    let mut place = Place::new()?;
    let udp = Flow::UdpV6.frame(64, &[0x5a; 40]);
    let with = |at: usize, octet: u8| {
        let mut frame = udp.clone();
        frame[at] = octet;
        frame
    };
    for (what, frame) in [
        ("one at its last hop", with(21, 1)),
        ("one with hop-by-hop options", with(20, 0)),
        ("a fragment", with(20, 44)),
        ("one to another l4 port", with(57, 1)),
        ("one that is longer than its frame", with(18, 4)),
        ("one that is shorter than its header", with(19, 7)),
        ("one of another version", with(14, 0x50)),
    ] {
        left(&mut place, what, &frame, |_| {})?;
    }
    Ok(())
}

/// A tap takes frames of one buffer.
#[test]
fn a_tap_is_a_receiver_like_others() -> Result<()> {
    let mut place = Place::new()?;
    for flow in Flow::ALL {
        let transmit = |session: &mut Session| session.deliver = Deliver::Transmit as u8;
        ensure!(place.both(&flow.frame(64, b"short"), transmit)?.is_some());
    }
    Ok(())
}
