//! VLANs on one switch: access ports, trunks, native VLANs. Open vSwitch is the reference.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};

use crate::{
    packet::{
        BROADCAST,
        ether_type::{C_TAG, S_TAG},
        tagged,
    },
    switch::{Layout, Make, Network, NetworkOption, PEER, PortOption, Switch, frame, station},
    topology::offload,
    traffic::{Ping, ping, tcp_bulk},
};

/// Ports 1 and 2 of VLAN 10, 3 of VLAN 20, and 4, a trunk of both.
fn office() -> Layout {
    Layout::ports(5)
        .port(1, PortOption::Vlan(10))
        .port(2, PortOption::Vlan(10))
        .port(3, PortOption::Vlan(20))
        .port(4, PortOption::Trunk(vec![10, 20]))
        .port(5, PortOption::Vlan(30))
}

/// Ports as in the office; the trunk's untagged frames are of VLAN 10.
fn with_native(tag_native: bool) -> Layout {
    let mut layout = office().port(4, PortOption::Vlan(10));
    if tag_native {
        layout = layout.port(4, PortOption::TagNative);
    }
    layout
}

fn c_tag(frame: &[u8], tci: u16) -> Vec<u8> {
    tagged(frame, C_TAG, tci)
}

/// Untagged frames of an access port stay in its VLAN, and get its tag on a trunk.
pub fn access(make: Make) -> Result<()> {
    let switch = office().start(make)?;
    let out = frame(BROADCAST, station(1));
    switch.expect_as(1, &out, &[(2, &out), (4, &c_tag(&out, 10))])?;
    let back = frame(station(1), station(3));
    // The same station is nobody in another VLAN.
    switch.expect_as(3, &back, &[(4, &c_tag(&back, 20))])?;
    let known = frame(station(1), station(2));
    switch.expect(2, &known, &[1])
}

/// A trunk's tagged frames go to their VLAN, without the tag on access ports; others go nowhere, and so
/// do its untagged ones.
pub fn trunk(make: Make) -> Result<()> {
    let switch = office().start(make)?;
    let out = frame(BROADCAST, station(4));
    switch.expect_as(4, &c_tag(&out, 10), &[(1, &out), (2, &out)])?;
    switch.expect_as(4, &c_tag(&out, 20), &[(3, &out)])?;
    switch.expect(4, &c_tag(&out, 30), &[])?;
    switch.expect(4, &out, &[])?;
    let known = frame(station(4), station(1));
    switch.expect_as(1, &known, &[(4, &c_tag(&known, 10))])
}

/// A trunk's native VLAN comes and goes without a tag.
pub fn native(make: Make) -> Result<()> {
    let switch = with_native(false).start(make)?;
    let out = frame(BROADCAST, station(4));
    switch.expect(4, &out, &[1, 2])?;
    switch.expect_as(4, &c_tag(&out, 10), &[(1, &out), (2, &out)])?;
    switch.expect_as(4, &c_tag(&out, 20), &[(3, &out)])?;
    let back = frame(BROADCAST, station(1));
    switch.expect(1, &back, &[2, 4])?;
    let other = frame(BROADCAST, station(3));
    switch.expect_as(3, &other, &[(4, &c_tag(&other, 20))])
}

/// A native VLAN that leaves with its tag all the same.
pub fn native_tagged(make: Make) -> Result<()> {
    let switch = with_native(true).start(make)?;
    let out = frame(BROADCAST, station(4));
    switch.expect(4, &out, &[1, 2])?;
    let back = frame(BROADCAST, station(1));
    switch.expect_as(1, &back, &[(2, &back), (4, &c_tag(&back, 10))])
}

/// VID 0 is a priority and no VLAN; the priority goes with the frame where that has a tag.
pub fn priority(make: Make) -> Result<()> {
    const PRIORITY: u16 = 5 << 13;
    let switch = with_native(false).start(make)?;
    let out = frame(BROADCAST, station(4));
    switch.expect_as(4, &c_tag(&out, PRIORITY), &[(1, &out), (2, &out)])?;
    switch.expect_as(
        3,
        &c_tag(&out, PRIORITY),
        &[(4, &c_tag(&out, PRIORITY + 20))],
    )?;
    switch.expect_as(4, &c_tag(&out, PRIORITY + 20), &[(3, &out)])
}

/// An 802.1ad tag is carried through untouched, as any other payload, behind an 802.1Q tag too. Open
/// vSwitch would take it for a VLAN of its own.
pub fn provider_tag() -> Result<()> {
    let switch = office().start(Make::Netfwd)?;
    let out = provider(&frame(BROADCAST, station(1)));
    switch.expect_as(1, &out, &[(2, &out), (4, &c_tag(&out, 10))])?;
    let known = provider(&frame(station(1), station(4)));
    switch.expect_as(4, &c_tag(&known, 10), &[(1, &known)])
}

fn provider(frame: &[u8]) -> Vec<u8> {
    tagged(&c_tag(frame, 7), S_TAG, 100)
}

/// The network's own VLAN is the VNI: it crosses untagged, the others with their tags. Frames of a VLAN
/// that is nowhere here end here.
pub fn over_the_overlay() -> Result<()> {
    let switch = Layout::ports(3)
        .network(NetworkOption::Overlay)
        .network(NetworkOption::Vlan(10))
        .port(2, PortOption::Vlan(20))
        .port(3, PortOption::Trunk(vec![10, 20]))
        .start(Make::Netfwd)?;
    let own = frame(BROADCAST, station(1));
    switch.expect_as(1, &own, &[(3, &c_tag(&own, 10)), (PEER, &own)])?;
    let other = frame(BROADCAST, station(2));
    let crossing = c_tag(&other, 20);
    switch.expect_as(2, &other, &[(3, &crossing), (PEER, &crossing)])?;
    let back = frame(station(1), station(50));
    switch.expect(PEER, &back, &[1])?;
    let back = frame(station(2), station(50));
    switch.expect_as(PEER, &c_tag(&back, 20), &[(2, &back)])?;
    let known = frame(station(50), station(2));
    switch.expect_as(2, &known, &[(PEER, &c_tag(&known, 20))])?;
    switch.expect(PEER, &c_tag(&frame(BROADCAST, station(51)), 30), &[])
}

/// A trunk between netfwd and an Open vSwitch: each VLAN goes across and stays itself.
pub fn trunk_between() -> Result<()> {
    let (ours, theirs) = joined(&office())?;
    for (port, others) in [(1, vec![2]), (3, vec![])] {
        let out = frame(BROADCAST, station(port as u16));
        ours.expect(port, &out, &others)?;
        let there: &[usize] = if port == 1 { &[1, 2] } else { &[3] };
        arrives(&theirs, &out, there)?;
        let back = frame(BROADCAST, station(100 + port as u16));
        theirs.wire().send(port, &back)?;
        arrives(&ours, &back, there)?;
        theirs.settle()?;
    }
    Ok(())
}

/// Two tenants on one trunk are two networks: each reaches its own side by ping and TCP, whatever the
/// other does.
pub fn tenants_on_one_trunk() -> Result<()> {
    let tenant = |access, vlan| Network {
        options: Vec::new(),
        ports: [
            (access, vec![PortOption::Vlan(vlan)]),
            (4, vec![PortOption::Trunk(vec![vlan])]),
        ]
        .into(),
    };
    let (ours, theirs) = joined(&Layout::networks(5, vec![tenant(1, 10), tenant(3, 20)]))?;
    for (port, subnet) in [(1, 10), (3, 20)] {
        for (switch, last) in [(&ours, 1), (&theirs, 2)] {
            speaks(switch, port, Ipv4Addr::new(10, 9, subnet, last))?;
        }
        let there = Ipv4Addr::new(10, 9, subnet, 2);
        ping(&ours.containers, there, Ping::count(5))?.complete()?;
        tcp_bulk(&theirs.containers, there, &ours.containers, 5_000_000)?;
    }
    let lost = frame(BROADCAST, station(1));
    ours.wire().send(1, &lost)?;
    arrives(&theirs, &lost, &[1, 2])?;
    arrives(&ours, &lost, &[])
}

/// Gives a container's interface an address. Open vSwitch reads frames as they are in memory, where
/// checksums are not filled in yet unless the sender does it.
fn speaks(switch: &Switch, port: usize, address: Ipv4Addr) -> Result<()> {
    let containers = &switch.containers;
    containers.sysctl("net/ipv4/conf/all/arp_ignore", "1")?;
    containers.ip(&format!("addr add {address}/24 dev e{port}"))?;
    offload(containers, &format!("e{port}"), "tx off")
}

/// Two switches with the same ports, port 4 of ours joined to a trunk of the other's.
pub fn joined(ours: &Layout) -> Result<(Switch, Switch)> {
    let mut theirs = office();
    theirs.networks[0].ports.remove(&4);
    let (ours, theirs) = (ours.start(Make::Netfwd)?, theirs.start(Make::OpenVswitch)?);
    ours.link(4, &theirs, &[PortOption::Trunk(vec![10, 20])])?;
    Ok((ours, theirs))
}

/// A frame sent elsewhere arrives at these ports of a switch and at no other.
fn arrives(switch: &Switch, frame: &[u8], ports: &[usize]) -> Result<()> {
    let mut seen: Vec<_> = switch.await_arrivals(ports.len())?;
    seen.retain(|arrival| arrival.frame == frame);
    let mut at: Vec<_> = seen.iter().map(|arrival| arrival.port).collect();
    at.sort_unstable();
    ensure!(at == ports, "at ports {at:?} instead of {ports:?}");
    Ok(())
}
