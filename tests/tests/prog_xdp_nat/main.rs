//! NAT by XDP, held against TC: whatever XDP takes, TC would have sent to the same port, as the same octets and
//! counted alike; and what TC alone may decide about, XDP leaves as it came.

mod apart;
mod flow;
mod place;
mod random;
mod ways;

use anyhow::{Result, ensure};
use tests::{packet::checksums, prog::Verdict};

use flow::{Flow, without_checksum, without_checksum_translated};
use place::Place;

#[test]
fn packets_of_sessions_are_taken() -> Result<()> {
    let mut place = Place::new()?;
    for flow in Flow::ALL {
        for payload in [&b"odd"[..], &[0x5a; 400], &[0xff; 1200]] {
            let frame = flow.frame(64, payload);
            let expected = flow.translated(63, payload);
            let taken = place.both(&frame, |_| {})?;
            ensure!(
                taken == Some(expected),
                "{flow:?}, {} octets",
                payload.len()
            );
        }
    }
    Ok(())
}

/// Zero says that there is no checksum, and a sum of zero is written as its other form (RFC 768).
#[test]
fn udp_checksums_of_zero_stay() -> Result<()> {
    let mut place = Place::new()?;
    let frame = without_checksum(64);
    let expected = without_checksum_translated(63);
    ensure!(place.both(&frame, |_| {})? == Some(expected));
    // Of all payloads of two octets one has a checksum of zero once translated.
    let zero = (0..=u16::MAX)
        .map(u16::to_be_bytes)
        .find(|payload| Flow::Udp.translated(63, payload)[40..42] == [0xff, 0xff]);
    let payload = zero.expect("every sum is some payload's");
    let taken = place.both(&Flow::Udp.frame(64, &payload), |_| {})?;
    ensure!(taken == Some(Flow::Udp.translated(63, &payload)));
    Ok(())
}

#[test]
fn padding_stays() -> Result<()> {
    let mut place = Place::new()?;
    let mut frame = Flow::Udp.frame(64, b"four");
    frame.resize(60, 0);
    let mut expected = Flow::Udp.translated(63, b"four");
    expected.resize(60, 0);
    checksums(&expected)?;
    ensure!(place.both(&frame, |_| {})? == Some(expected));
    Ok(())
}

#[test]
fn a_frame_of_several_buffers_is_taken_by_a_veth() -> Result<()> {
    let mut place = Place::new()?;
    let payload = vec![0x5a; 8000];
    for flow in Flow::ALL {
        let ran = place.by_xdp(&flow.frame(64, &payload), |session| {
            session.next_hop.mtu = 9000;
        })?;
        ensure!(
            ran.verdict == Verdict::Redirect,
            "{flow:?}: {:?}",
            ran.verdict
        );
        ensure!(ran.frame == flow.translated(63, &payload), "{flow:?}");
        let ran = place.by_xdp(&flow.frame(64, &payload), |session| {
            session.next_hop.mtu = 9000;
            // A tap.
            session.deliver = 0;
        })?;
        ensure!(ran.verdict == Verdict::Pass, "{flow:?}: a tap");
    }
    Ok(())
}
