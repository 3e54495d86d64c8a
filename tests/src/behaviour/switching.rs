//! What a switch does with the frames of its stations: learning, moving, ageing, flooding, and what
//! its ports' options change.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};

use crate::{
    packet::{
        self, BROADCAST,
        ether_type::{C_TAG, S_TAG},
        tagged,
    },
    process::{TIMEOUT, eventually},
    switch::{Layout, Make, NetworkOption, Pin, PortOption, frame, station},
};

/// The shortest ageing that may be configured, and a little more.
const AGEING: u32 = 10;
const AGED: Duration = Duration::from_millis(10_600);

/// Unknown unicast is flooded, and goes to one port once its station has been heard.
pub fn learning(make: Make) -> Result<()> {
    let switch = Layout::ports(4).start(make)?;
    switch.expect(1, &frame(station(2), station(1)), &[2, 3, 4])?;
    switch.expect(2, &frame(station(1), station(2)), &[1])?;
    switch.expect(1, &frame(station(2), station(1)), &[2])?;
    switch.expect(3, &frame(station(1), station(3)), &[1])?;
    let stations = [(station(1), 1), (station(2), 2), (station(3), 3)];
    ensure!(switch.stations()? == stations.into());
    Ok(())
}

/// Several stations behind one port.
pub fn many_behind_one_port(make: Make) -> Result<()> {
    let switch = Layout::ports(3).start(make)?;
    for number in 1..=50 {
        switch.wire().send(1, &frame(BROADCAST, station(number)))?;
    }
    switch.settle()?;
    for number in [1, 17, 50] {
        switch.expect(2, &frame(station(number), station(99)), &[1])?;
    }
    ensure!(switch.stations()?.len() == 51);
    Ok(())
}

/// A station that moves is found at its new port by its first frame, and is there alone.
pub fn moving(make: Make) -> Result<()> {
    let switch = Layout::ports(4).start(make)?;
    switch.expect(4, &frame(BROADCAST, station(4)), &[1, 2, 3])?;
    for port in [1, 2, 3, 1] {
        // Unicast: a station need not announce that it moved.
        switch.expect(port, &frame(station(4), station(9)), &[4])?;
        switch.expect(4, &frame(station(9), station(4)), &[port])?;
    }
    Ok(())
}

/// A frame for a station behind the port that it came from goes nowhere.
pub fn never_back(make: Make) -> Result<()> {
    let switch = Layout::ports(3).start(make)?;
    switch.expect(1, &frame(BROADCAST, station(1)), &[2, 3])?;
    switch.expect(1, &frame(BROADCAST, station(2)), &[2, 3])?;
    switch.expect(1, &frame(station(1), station(2)), &[])
}

/// Who is not heard for the ageing time is unknown again; who is heard is not, and what is sent to a
/// station does not keep it.
pub fn ageing(make: Make) -> Result<()> {
    let switch = Layout::ports(3)
        .network(NetworkOption::Ageing(AGEING))
        .start(make)?;
    switch.expect(1, &frame(BROADCAST, station(1)), &[2, 3])?;
    switch.expect(2, &frame(BROADCAST, station(2)), &[1, 3])?;
    thread::sleep(AGED / 2);
    switch.expect(2, &frame(station(1), station(2)), &[1])?;
    thread::sleep(AGED / 2);
    switch.expect(3, &frame(station(1), station(3)), &[1, 2])?;
    switch.expect(3, &frame(station(2), station(3)), &[2])?;
    eventually("the aged station goes from the FDB", TIMEOUT, || {
        Ok(!switch.stations()?.contains_key(&station(1)))
    })
}

/// Broadcast, unknown unicast and multicast reach every other port, once, unchanged.
pub fn flooding(make: Make) -> Result<()> {
    let switch = Layout::ports(20).start(make)?;
    for dst in [
        BROADCAST,
        station(77),
        packet::mac("01:00:5e:01:02:03"),
        packet::mac("33:33:00:01:02:03"),
        packet::mac("01:80:c2:00:00:21"),
    ] {
        for from in [1, 20] {
            let others = switch.all_but(&[from]);
            switch.expect(from, &frame(dst, station(from as u16)), &others)?;
        }
    }
    Ok(())
}

/// What is for the link alone, 01:80:C2:00:00:00 to 0F, reaches no other port (802.1Q §8.6.3). A
/// bridge that runs no spanning tree passes BPDUs on all the same (`br_handle_frame`,
/// net/bridge/br_input.c): a loop of two switches could then be closed through netfwd unseen.
pub fn link_local(make: Make) -> Result<()> {
    let switch = Layout::ports(3).start(make)?;
    let bpdu: &[usize] = match make {
        Make::Netfwd => &[],
        _ => &[2, 3],
    };
    for last in 0..=0x0f {
        let dst = [0x01, 0x80, 0xc2, 0, 0, last];
        let ports = if last == 0 { bpdu } else { &[] };
        switch.expect(1, &frame(dst, station(1)), ports)?;
    }
    Ok(())
}

/// A group address as the source is refused; nothing of it is learned.
pub fn group_source(make: Make) -> Result<()> {
    let switch = Layout::ports(3).start(make)?;
    let group = packet::mac("03:00:00:00:00:01");
    switch.expect(1, &frame(BROADCAST, group), &[])?;
    switch.expect(1, &frame(BROADCAST, [0; 6]), &[])?;
    ensure!(switch.stations()?.is_empty());
    Ok(())
}

/// Nothing is learned from a port whose learning is off.
pub fn learning_off(make: Make) -> Result<()> {
    let switch = Layout::ports(3)
        .port(1, PortOption::NoLearning)
        .start(make)?;
    switch.expect(1, &frame(BROADCAST, station(1)), &[2, 3])?;
    switch.expect(2, &frame(station(1), station(2)), &[1, 3])?;
    switch.expect(1, &frame(station(2), station(1)), &[2])?;
    ensure!(switch.stations()? == [(station(2), 2)].into());
    Ok(())
}

/// Unknown unicast does not reach a port that is not to have it; known unicast and broadcast do.
pub fn unknown_unicast_off(make: Make) -> Result<()> {
    let switch = Layout::ports(3)
        .port(2, PortOption::NoUnknownUnicast)
        .start(make)?;
    switch.expect(1, &frame(station(2), station(1)), &[3])?;
    switch.expect(2, &frame(station(3), station(2)), &[1, 3])?;
    switch.expect(1, &frame(station(2), station(1)), &[2])?;
    switch.expect(1, &frame(BROADCAST, station(1)), &[2, 3])
}

/// Isolated ports do not reach each other, by flooding or known unicast; all else they reach.
pub fn isolation(make: Make) -> Result<()> {
    let switch = Layout::ports(4)
        .port(1, PortOption::Isolated)
        .port(2, PortOption::Isolated)
        .start(make)?;
    switch.expect(1, &frame(BROADCAST, station(1)), &[3, 4])?;
    switch.expect(2, &frame(BROADCAST, station(2)), &[3, 4])?;
    switch.expect(3, &frame(BROADCAST, station(3)), &[1, 2, 4])?;
    for (from, to) in [(1, 2), (2, 1)] {
        switch.expect(from, &frame(station(to), station(from as u16)), &[])?;
    }
    for (from, to) in [(1, 3), (3, 1), (2, 3), (3, 2)] {
        switch.expect(
            from,
            &frame(station(to as u16), station(from as u16)),
            &[to],
        )?;
    }
    switch.expect(1, &frame(station(99), station(1)), &[3, 4])
}

/// A static entry holds against a station that claims to be elsewhere, whose frames flow.
pub fn static_entry(make: Make) -> Result<()> {
    pinned(make, Pin::Static)
}

/// A sticky entry does not move; frames of its station flow from elsewhere too.
pub fn sticky_entry(make: Make) -> Result<()> {
    pinned(make, Pin::Sticky)
}

fn pinned(make: Make, pin: Pin) -> Result<()> {
    let switch = Layout::ports(3).start(make)?;
    switch.pin(station(1), 1, pin)?;
    switch.expect(2, &frame(station(1), station(2)), &[1])?;
    switch.expect(1, &frame(BROADCAST, station(1)), &[2, 3])?;
    switch.expect(3, &frame(BROADCAST, station(1)), &[1, 2])?;
    switch.expect(2, &frame(station(1), station(2)), &[1])
}

/// Frames go back out of a port that may send them back: VEPA's reflective relay (802.1Qbg).
pub fn hairpin(make: Make) -> Result<()> {
    let switch = Layout::ports(3).port(1, PortOption::Hairpin).start(make)?;
    switch.expect(1, &frame(BROADCAST, station(1)), &[1, 2, 3])?;
    switch.expect(1, &frame(BROADCAST, station(2)), &[1, 2, 3])?;
    switch.expect(1, &frame(station(1), station(2)), &[1])?;
    switch.expect(2, &frame(BROADCAST, station(3)), &[1, 3])?;
    switch.expect(2, &frame(station(3), station(4)), &[])
}

/// Where no port says anything of VLANs tags are payload, whatever their kind or number.
pub fn tags_are_payload(make: Make) -> Result<()> {
    let switch = Layout::ports(3).start(make)?;
    for (ether_type, tci) in [(C_TAG, 10), (C_TAG, 0), (C_TAG, 4095), (S_TAG, 100)] {
        let out = tagged(&frame(BROADCAST, station(1)), ether_type, tci);
        switch.expect(1, &out, &[2, 3])?;
        let twice = tagged(&out, S_TAG, 7);
        switch.expect(1, &twice, &[2, 3])?;
        let known = tagged(&frame(station(1), station(2)), ether_type, tci);
        switch.expect(2, &known, &[1])?;
    }
    Ok(())
}

/// Beyond the network's limit frames flow and nothing is learned; what is known stays known and may
/// move, and entries that were given do not count.
pub fn learning_limit(make: Make) -> Result<()> {
    const MOST: u16 = 4;
    let switch = Layout::ports(3)
        .network(NetworkOption::MaxLearned(MOST.into()))
        .start(make)?;
    switch.pin(station(100), 3, Pin::Static)?;
    for number in 1..=MOST + 2 {
        switch.expect(1, &frame(BROADCAST, station(number)), &[2, 3])?;
    }
    let learned = |number| (1..=MOST).contains(&number);
    for number in 1..=MOST + 2 {
        let ports: &[usize] = if learned(number) { &[1] } else { &[1, 3] };
        switch.expect(2, &frame(station(number), station(99)), ports)?;
    }
    switch.expect(2, &frame(BROADCAST, station(1)), &[1, 3])?;
    switch.expect(3, &frame(station(1), station(99)), &[2])?;
    switch.expect(2, &frame(station(100), station(98)), &[3])?;
    let expected = (1..=MOST).chain([100]).map(station);
    ensure!(switch.stations()?.into_keys().eq(expected));
    Ok(())
}

/// The same for one port, which a bridge has no limit for: other ports learn on.
pub fn port_learning_limit() -> Result<()> {
    let switch = Layout::ports(3)
        .port(1, PortOption::MaxLearned(2))
        .start(Make::Netfwd)?;
    for number in 1..=4 {
        switch.expect(1, &frame(BROADCAST, station(number)), &[2, 3])?;
    }
    switch.expect(2, &frame(station(2), station(5)), &[1])?;
    switch.expect(2, &frame(station(3), station(5)), &[1, 3])?;
    switch.expect(3, &frame(station(5), station(6)), &[2])?;
    // One that leaves for another port makes room.
    switch.expect(2, &frame(BROADCAST, station(1)), &[1, 3])?;
    switch.expect(1, &frame(BROADCAST, station(3)), &[2, 3])?;
    switch.expect(2, &frame(station(3), station(5)), &[1])
}
