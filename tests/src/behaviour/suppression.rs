//! ARP and Neighbor Discovery kept from the overlay: what is known is answered on the spot. The twin is
//! a bridge whose vxlan port has `neigh_suppress`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Result;

use crate::{
    packet::{BROADCAST, Ipv6, Mac, arp_reply, arp_request, ether_type, ethernet, group_mac, v6},
    switch::{Layout, Make, NetworkOption, PEER, Switch, frame, station},
};

/// The peer's station, the one behind port 2, and nobody.
const FAR: u16 = 50;
const NEAR: u16 = 2;
const NOBODY: u16 = 99;
/// Who asks, behind port 1.
const ASKER: u16 = 1;

fn v4_of(number: u16) -> Ipv4Addr {
    Ipv4Addr::new(10, 9, 0, number as u8)
}

fn v6_of(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number)
}

/// A switch with three ports and a peer that knows the addresses of two stations, and has heard both.
fn knowing(make: Make) -> Result<Switch> {
    let mut layout = Layout::ports(3)
        .network(NetworkOption::Overlay)
        .network(NetworkOption::Suppression)
        .network(NetworkOption::NoSnooping);
    for number in [NEAR, FAR] {
        for ip in [IpAddr::V4(v4_of(number)), IpAddr::V6(v6_of(number))] {
            layout = layout.network(NetworkOption::Neighbour(ip, station(number)));
        }
    }
    let switch = layout.start(make)?;
    switch.expect(PEER, &frame(BROADCAST, station(FAR)), &[1, 2, 3])?;
    switch.expect(2, &frame(BROADCAST, station(NEAR)), &[1, 3, PEER])?;
    Ok(switch)
}

/// A request for a far station is answered and not seen by the peer. A bridge lets its other ports see
/// it as well.
pub fn arp_known(make: Make) -> Result<()> {
    let switch = knowing(make)?;
    let request = arp_request(station(ASKER), v4_of(ASKER), v4_of(FAR));
    let reply = arp_reply(station(ASKER), station(FAR), v4_of(FAR), v4_of(ASKER));
    answered(&switch, &request, &reply)
}

fn answered(switch: &Switch, question: &[u8], answer: &[u8]) -> Result<()> {
    let mut expected = vec![(1, answer)];
    if switch.make == Make::Bridge {
        expected.extend([(2, question), (3, question)]);
    }
    switch.expect_as(1, question, &expected)
}

/// A request for an address that nobody is known to have goes everywhere.
pub fn arp_unknown(make: Make) -> Result<()> {
    let switch = knowing(make)?;
    let request = arp_request(station(ASKER), v4_of(ASKER), v4_of(NOBODY));
    switch.expect(1, &request, &[2, 3, PEER])
}

/// Announcements, by request and by reply, and probes whether an address is free (RFC 5227) stay on this
/// host.
pub fn arp_announcement_and_probe(make: Make) -> Result<()> {
    let switch = knowing(make)?;
    for number in [ASKER, FAR, NOBODY] {
        let (mac, ip) = (station(ASKER), v4_of(number));
        let zero = Ipv4Addr::UNSPECIFIED;
        for message in [
            arp_request(mac, ip, ip),
            arp_reply(BROADCAST, mac, ip, ip),
            arp_request(mac, zero, ip),
        ] {
            switch.expect(1, &message, &[2, 3])?;
        }
    }
    Ok(())
}

/// A request to one station, which asks whether it is still there, reaches that station alone.
pub fn arp_unicast(make: Make) -> Result<()> {
    let switch = knowing(make)?;
    for (number, port) in [(FAR, PEER), (NEAR, 2)] {
        let mut request = arp_request(station(ASKER), v4_of(ASKER), v4_of(number));
        request[..6].copy_from_slice(&station(number));
        switch.expect(1, &request, &[port])?;
    }
    Ok(())
}

/// A peer's requests are for the stations themselves.
pub fn arp_from_peer(make: Make) -> Result<()> {
    let switch = knowing(make)?;
    for number in [NEAR, FAR, NOBODY] {
        let request = arp_request(station(60), v4_of(60), v4_of(number));
        switch.expect(PEER, &request, &[1, 2, 3])?;
    }
    Ok(())
}

/// A request for a station of this host is kept from the peer; a bridge leaves the answer to the
/// station.
pub fn arp_near(make: Make) -> Result<()> {
    let switch = knowing(make)?;
    let request = arp_request(station(ASKER), v4_of(ASKER), v4_of(NEAR));
    let reply = arp_reply(station(ASKER), station(NEAR), v4_of(NEAR), v4_of(ASKER));
    match make {
        Make::Netfwd => switch.expect_as(1, &request, &[(1, &reply)]),
        _ => switch.expect(1, &request, &[2, 3]),
    }
}

/// The group that solicitations for an address go to (RFC 4291 §2.7.1).
fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let mut group = v6("ff02::1:ff00:0").octets();
    group[13..].copy_from_slice(&address.octets()[13..]);
    group.into()
}

fn solicitation(src: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let group = solicited_node(target);
    let ip = Ipv6 {
        src,
        dst: group,
        hops: 255,
    };
    let mac = (!src.is_unspecified()).then_some(station(ASKER));
    let packet = ip.solicitation(&target.to_string(), mac);
    ethernet(group_mac(group), station(ASKER), ether_type::IPV6, &packet)
}

fn advertisement(to: (Mac, Ipv6Addr), number: u16, flags: u8) -> Vec<u8> {
    let target = v6_of(number);
    let ip = Ipv6 {
        src: target,
        dst: to.1,
        hops: 255,
    };
    let packet = ip.advertisement(flags, &target.to_string(), station(number));
    ethernet(to.0, station(number), ether_type::IPV6, &packet)
}

/// Solicited, and it overrides what was known (RFC 4861 §4.4).
const ANSWER: u8 = 0x60;

/// A solicitation for a far station is answered as ARP is.
pub fn nd_known(make: Make) -> Result<()> {
    let switch = knowing(make)?;
    let question = solicitation(v6_of(ASKER), v6_of(FAR));
    let answer = advertisement((station(ASKER), v6_of(ASKER)), FAR, ANSWER);
    answered(&switch, &question, &answer)
}

/// A solicitation for an address that nobody is known to have goes everywhere.
pub fn nd_unknown(make: Make) -> Result<()> {
    let switch = knowing(make)?;
    let question = solicitation(v6_of(ASKER), v6_of(NOBODY));
    switch.expect(1, &question, &[2, 3, PEER])
}

/// Probes for duplicates and unsolicited advertisements stay on this host.
pub fn nd_announcement_and_probe(make: Make) -> Result<()> {
    let switch = knowing(make)?;
    for number in [ASKER, FAR, NOBODY] {
        let probe = solicitation(Ipv6Addr::UNSPECIFIED, v6_of(number));
        switch.expect(1, &probe, &[2, 3])?;
    }
    let nodes = v6("ff02::1");
    let unsolicited = advertisement((group_mac(nodes), nodes), ASKER, 0x20);
    switch.expect(1, &unsolicited, &[2, 3])
}

/// A solicitation to one station reaches that station alone.
pub fn nd_unicast(make: Make) -> Result<()> {
    let switch = knowing(make)?;
    for (number, port) in [(FAR, PEER), (NEAR, 2)] {
        let ip = Ipv6 {
            src: v6_of(ASKER),
            dst: v6_of(number),
            hops: 255,
        };
        let packet = ip.solicitation(&v6_of(number).to_string(), Some(station(ASKER)));
        let question = ethernet(station(number), station(ASKER), ether_type::IPV6, &packet);
        switch.expect(1, &question, &[port])?;
    }
    Ok(())
}

/// A peer's solicitations are for the stations themselves.
pub fn nd_from_peer(make: Make) -> Result<()> {
    let switch = knowing(make)?;
    for number in [NEAR, FAR, NOBODY] {
        let question = solicitation(v6_of(60), v6_of(number));
        switch.expect(PEER, &question, &[1, 2, 3])?;
    }
    Ok(())
}
