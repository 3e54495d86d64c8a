//! Multicast: a group's frames go to members and routers once a querier asks.

use anyhow::{Result, ensure};
use netfwd_common::{
    addr::{Addr, UNSPECIFIED, from_v4},
    maps::{Group, GroupKey, NetworkFlags, PortFlags},
};
use tests::{
    packet::{Ipv4, Ipv6, Mac, ether_type, ethernet, v6},
    prog::{
        Hook, NETWORK, World,
        mac::{C1, C2},
        slot,
    },
};

const GROUP: [u8; 4] = [239, 1, 1, 1];
const GROUP_MAC: Mac = [0x01, 0, 0x5e, 1, 1, 1];
const GROUP_V6: &str = "ff05::1:3";
const GROUP_V6_MAC: Mac = [0x33, 0x33, 0, 1, 0, 3];

/// A snooping network, seen by what reaches `p1`, `p2`, the gateway and the peer.
struct Snooping(World);

impl Snooping {
    fn new() -> Result<Self> {
        let mut world = World::new()?;
        world.set_network(|network| network.flags = network.flags.with(NetworkFlags::SNOOPING))?;
        Ok(Self(world))
    }

    /// Sends a frame from `p1`, or from `p2`; says whom it reached.
    fn send(&mut self, from_p2: bool, frame: &[u8]) -> Result<[u64; 4]> {
        let before = self.0.sent()?;
        let port = if from_p2 {
            self.0.wires.p2
        } else {
            self.0.wires.p1
        };
        self.0.run(Hook::PortIngress, port, frame)?;
        let after = self.0.sent()?;
        Ok(std::array::from_fn(|at| after[at] - before[at]))
    }

    fn entry(&mut self, slot: u32, group: Addr) -> Result<Option<Group>> {
        let key = GroupKey {
            network: NETWORK,
            slot,
            group,
            vlan: 0,
            pad: 0,
        };
        self.0.tables().get("groups", &key)
    }

    /// Ends the time in which a querier's first query is answered.
    fn answered(&mut self, group: Addr) -> Result<()> {
        let key = GroupKey {
            network: NETWORK,
            slot: 0,
            group,
            vlan: 0,
            pad: 0,
        };
        let entry: Option<Group> = self.0.tables().get("groups", &key)?;
        let mut entry = entry.expect("a querier was heard");
        entry.since_ns = 0;
        self.0.tables().put("groups", &key, &entry)
    }
}

fn igmp(src: Mac, from: &str, to: &str, kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
    let mut message = [&[kind, code, 0, 0], rest].concat();
    let check = !message.chunks(2).fold(0u32, |sum, word| {
        let sum = sum + u32::from(word[0]) * 256 + u32::from(word[1]);
        (sum & 0xffff) + (sum >> 16)
    });
    message[2..4].copy_from_slice(&(check as u16).to_be_bytes());
    let ip = Ipv4::new(from, to);
    let dst = ip.dst.octets();
    let mac = [0x01, 0, 0x5e, dst[1] & 0x7f, dst[2], dst[3]];
    ethernet(mac, src, ether_type::IPV4, &ip.packet(2, &message))
}

fn query(from: &str) -> Vec<u8> {
    igmp(C2, from, "224.0.0.1", 0x11, 100, &[0; 4])
}

fn report_v2() -> Vec<u8> {
    igmp(C2, "10.0.3.12", "239.1.1.1", 0x16, 0, &GROUP)
}

/// A version 3 report with one record without sources.
fn report_v3(kind: u8) -> Vec<u8> {
    let rest = [&[0, 0, 0, 1, kind, 0, 0, 0], &GROUP[..]].concat();
    igmp(C2, "10.0.3.12", "224.0.0.22", 0x22, 0, &rest)
}

fn data() -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.11", "239.1.1.1").udp(1000, 2000, b"to a group");
    ethernet(GROUP_MAC, C1, ether_type::IPV4, &ip)
}

fn data_v6() -> Vec<u8> {
    let ip = Ipv6::new("fe80::1", GROUP_V6).udp(1000, 2000, b"to a group");
    ethernet(GROUP_V6_MAC, C1, ether_type::IPV6, &ip)
}

const ALL: [u64; 4] = [0, 1, 1, 1];

#[test]
fn without_a_querier_everything_is_flooded() -> Result<()> {
    let mut network = Snooping::new()?;
    ensure!(network.send(false, &data())? == ALL);
    network.send(true, &report_v2())?;
    ensure!(
        network.send(false, &data())? == ALL,
        "a member is known, others are not"
    );
    ensure!(network.send(false, &data_v6())? == ALL);
    Ok(())
}

#[test]
fn members_and_routers_get_the_group() -> Result<()> {
    let mut network = Snooping::new()?;
    ensure!(
        network.send(true, &query("10.0.3.12"))? == [1, 0, 1, 1],
        "a query is flooded"
    );
    ensure!(
        network.send(false, &data())? == ALL,
        "nobody could answer yet"
    );
    network.answered(from_v4([0; 4]))?;
    ensure!(
        network.send(false, &data())? == [0, 1, 0, 0],
        "the router alone"
    );
    let report = igmp(C1, "10.0.3.11", "239.1.1.1", 0x16, 0, &GROUP);
    ensure!(
        network.send(false, &report)? == [0, 1, 0, 0],
        "reports are routers'"
    );
    let mut from_p2 = data();
    from_p2[6..12].copy_from_slice(&C2);
    ensure!(network.send(true, &from_p2)? == [1, 0, 0, 0], "the member");
    Ok(())
}

#[test]
fn a_query_without_an_address_makes_no_router() -> Result<()> {
    let mut network = Snooping::new()?;
    network.send(true, &query("0.0.0.0"))?;
    network.answered(from_v4([0; 4]))?;
    ensure!(network.send(false, &data())? == [0, 0, 0, 0]);
    network.send(true, &report_v3(4))?;
    ensure!(
        network.send(false, &data())? == [0, 1, 0, 0],
        "a version 3 report joins"
    );
    Ok(())
}

#[test]
fn a_static_router_gets_every_group() -> Result<()> {
    let mut network = Snooping::new()?;
    network.0.set_target(1, |target| {
        target.flags = target.flags.with(PortFlags::ROUTER);
    })?;
    network.send(false, &igmp(C1, "0.0.0.0", "224.0.0.1", 0x11, 100, &[0; 4]))?;
    network.answered(from_v4([0; 4]))?;
    ensure!(network.send(false, &data())? == [0, 1, 0, 0]);
    Ok(())
}

#[test]
fn who_leaves_goes_soon() -> Result<()> {
    let mut network = Snooping::new()?;
    network.send(true, &report_v2())?;
    let group = from_v4(GROUP);
    let joined = network
        .entry(slot::P2, group)?
        .expect("a member")
        .expires_ns;
    network.send(true, &report_v3(3))?;
    let left = network
        .entry(slot::P2, group)?
        .expect("still one")
        .expires_ns;
    ensure!(
        joined - left > 250_000_000_000,
        "it would stay: {left} after {joined}"
    );
    network.send(true, &report_v2())?;
    let again = network
        .entry(slot::P2, group)?
        .expect("a member")
        .expires_ns;
    ensure!(again >= joined, "it came back");
    // The querier asks for the group: who is silent goes within twice the response time.
    let asks = igmp(C1, "10.0.3.11", "239.1.1.1", 0x11, 10, &GROUP);
    network.send(false, &asks)?;
    let asked = network
        .entry(slot::P2, group)?
        .expect("still one")
        .expires_ns;
    ensure!(again - asked > 250_000_000_000);
    Ok(())
}

#[test]
fn a_leave_is_the_queriers_to_check() -> Result<()> {
    let mut network = Snooping::new()?;
    network.send(
        false,
        &igmp(C1, "10.0.3.11", "224.0.0.1", 0x11, 100, &[0; 4]),
    )?;
    network.answered(from_v4([0; 4]))?;
    network.send(true, &report_v2())?;
    let joined = network.entry(slot::P2, from_v4(GROUP))?;
    network.send(true, &igmp(C2, "10.0.3.12", "224.0.0.2", 0x17, 0, &GROUP))?;
    ensure!(
        network.entry(slot::P2, from_v4(GROUP))? == joined,
        "the querier asks first"
    );
    Ok(())
}

#[test]
fn local_groups_are_always_flooded() -> Result<()> {
    let mut network = Snooping::new()?;
    network.send(true, &query("10.0.3.12"))?;
    network.answered(from_v4([0; 4]))?;
    let mdns = Ipv4::new("10.0.3.11", "224.0.0.251").udp(5353, 5353, b"mdns");
    let mdns = ethernet([0x01, 0, 0x5e, 0, 0, 0xfb], C1, ether_type::IPV4, &mdns);
    ensure!(network.send(false, &mdns)? == ALL);
    network.send(
        true,
        &igmp(C2, "10.0.3.12", "224.0.0.251", 0x16, 0, &[224, 0, 0, 251]),
    )?;
    ensure!(
        network
            .entry(slot::P2, from_v4([224, 0, 0, 251]))?
            .is_none(),
        "nobody joins it"
    );
    Ok(())
}

#[test]
fn mld() -> Result<()> {
    let mut network = Snooping::new()?;
    let group = Addr::new(v6(GROUP_V6).octets());
    let rest = |code: u16, group: &[u8]| [&code.to_be_bytes(), &[0, 0], group].concat();
    let general = Ipv6::new("fe80::2", "ff02::1").mld(130, &rest(10_000, &[0; 16]));
    let general = ethernet([0x33, 0x33, 0, 0, 0, 1], C2, ether_type::IPV6, &general);
    ensure!(
        network.send(true, &general)? == [1, 0, 1, 1],
        "a query is flooded"
    );
    network.answered(UNSPECIFIED)?;
    ensure!(
        network.send(false, &data_v6())? == [0, 1, 0, 0],
        "the router alone"
    );
    ensure!(network.send(false, &data())? == ALL, "IPv4 has no querier");
    let records = [&[0, 0, 0, 1, 4, 0, 0, 0], &group.octets[..]].concat();
    let report = Ipv6::new("fe80::1", "ff02::16").mld(143, &records);
    let report = ethernet([0x33, 0x33, 0, 0, 0, 0x16], C1, ether_type::IPV6, &report);
    ensure!(
        network.send(false, &report)? == ALL,
        "version 2 reports are flooded"
    );
    ensure!(
        network.entry(slot::P1, group)?.is_some(),
        "a version 2 report joins"
    );
    let v1 = Ipv6::new("fe80::2", GROUP_V6).mld(131, &rest(0, &group.octets));
    let v1 = ethernet(GROUP_V6_MAC, C2, ether_type::IPV6, &v1);
    ensure!(
        network.send(true, &v1)? == [0, 0, 0, 0],
        "no router but behind its own port"
    );
    ensure!(
        network.entry(slot::P2, group)?.is_some(),
        "a version 1 report joins"
    );
    let nodes = Ipv6::new("fe80::1", "ff02::1").udp(1, 2, b"all nodes");
    let nodes = ethernet([0x33, 0x33, 0, 0, 0, 1], C1, ether_type::IPV6, &nodes);
    ensure!(network.send(false, &nodes)? == ALL);
    Ok(())
}

/// A report of 1500 octets, as a host sends that has many groups when it is asked; the last record is cut off.
#[test]
fn every_record_of_a_long_report_joins() -> Result<()> {
    const WHOLE: u8 = 183;
    let mut network = Snooping::new()?;
    let records = (0..WHOLE).flat_map(|last| [4, 0, 0, 0, 239, 2, 2, last]);
    let rest: Vec<u8> = [0, 0, 0, WHOLE + 1].into_iter().chain(records).collect();
    let report = igmp(
        C1,
        "10.0.3.11",
        "224.0.0.22",
        0x22,
        0,
        &[&rest[..], &[4, 0]].concat(),
    );
    network.send(false, &report)?;
    for last in 0..WHOLE {
        let group = from_v4([239, 2, 2, last]);
        ensure!(network.entry(slot::P1, group)?.is_some(), "record {last}");
    }
    ensure!(
        network
            .entry(slot::P1, from_v4([239, 2, 2, WHOLE]))?
            .is_none()
    );
    Ok(())
}

#[test]
fn a_cut_off_report_is_dropped() -> Result<()> {
    let mut network = Snooping::new()?;
    let ip = Ipv4::new("10.0.3.12", "239.1.1.1").packet(2, &[0x16, 0, 0]);
    let frame = ethernet(GROUP_MAC, C2, ether_type::IPV4, &ip);
    ensure!(network.send(true, &frame)? == [0, 0, 0, 0]);
    let drops = network.0.drops()?;
    ensure!(
        drops == [(slot::P2, netfwd_common::verdict::DropReason::Malformed, 1)],
        "{drops:?}"
    );
    Ok(())
}
