//! What becomes of IP multicast: members and routers get it, once somebody asks for members.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    thread,
    time::Duration,
};

use anyhow::{Result, ensure};

use crate::{
    packet::{
        RawSocket, Record, ether_type, igmp_leave, igmp_query, igmp_report, igmp_v3_report,
        mld_done, mld_query, mld_report, mld_v2_report, to_group, to_group_v6,
    },
    switch::{Layout, Make, NetworkOption, PortOption, Switch, station},
};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 1, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(239, 1, 1, 2);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff1e, 0, 0, 0, 0, 0, 0, 0x101);
const OTHER_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// The time that a query of these tests leaves its answers, and a little more; a member is given up
/// when it was asked twice in vain.
const ANSWERED: Duration = Duration::from_millis(160);
const GIVEN_UP: Duration = Duration::from_millis(400);
const TENTHS: u8 = 1;
const MILLISECONDS: u16 = 100;

/// The time that a querier leaves its answers (RFC 3376 §8.3), and a little more.
const RESPONSE_INTERVAL: Duration = Duration::from_millis(10_400);

/// The port behind which the router of these tests stands; port 1 sends to the groups.
const ROUTER: usize = 5;

/// A switch whose querier, behind port 5, has asked for members in both families.
fn queried(layout: &Layout, make: Make) -> Result<Switch> {
    let switch = layout.start(make)?;
    let router = station(ROUTER as u16);
    let others = switch.all_but(&[ROUTER]);
    switch.expect(ROUTER, &igmp_query(router, None, TENTHS), &others)?;
    switch.expect(ROUTER, &mld_query(router, None, MILLISECONDS), &others)?;
    thread::sleep(ANSWERED);
    Ok(switch)
}

/// The querier asks for one group: all its members hear that. A bridge lets the others hear it too.
fn ask(switch: &Switch, query: &[u8]) -> Result<()> {
    let arrivals = switch.send(ROUTER, query)?;
    let members = arrivals.iter().filter(|arrival| arrival.frame == query);
    ensure!(members.count() > 0, "no member was asked");
    Ok(())
}

fn data(switch: &Switch, group: Ipv4Addr, ports: &[usize]) -> Result<()> {
    switch.expect(1, &to_group(station(1), group, 1), ports)
}

fn data_v6(switch: &Switch, group: Ipv6Addr, ports: &[usize]) -> Result<()> {
    switch.expect(1, &to_group_v6(station(1), group, 1), ports)
}

/// Without a querier nobody reports, so groups are flooded, also those that somebody has joined.
pub fn without_querier(make: Make) -> Result<()> {
    let switch = Layout::ports(5).start(make)?;
    switch.wire().send(2, &igmp_report(station(2), GROUP))?;
    switch.wire().send(2, &mld_report(station(2), GROUP_V6))?;
    switch.settle()?;
    data(&switch, GROUP, &[2, 3, 4, 5])?;
    data(&switch, OTHER, &[2, 3, 4, 5])?;
    data_v6(&switch, GROUP_V6, &[2, 3, 4, 5])
}

/// IGMPv2: a group goes to its members and to the querier; reports go to the querier alone; a member
/// that leaves has it until the querier has asked in vain.
pub fn igmp_v2(make: Make) -> Result<()> {
    let switch = queried(&Layout::ports(5), make)?;
    data(&switch, GROUP, &[ROUTER])?;
    switch.expect(2, &igmp_report(station(2), GROUP), &[ROUTER])?;
    switch.expect(3, &igmp_report(station(3), GROUP), &[ROUTER])?;
    data(&switch, GROUP, &[2, 3, ROUTER])?;
    data(&switch, OTHER, &[ROUTER])?;
    switch.expect(2, &igmp_leave(station(2), GROUP), &[1, 3, 4, 5])?;
    data(&switch, GROUP, &[2, 3, ROUTER])?;
    ask(&switch, &igmp_query(station(5), Some(GROUP), TENTHS))?;
    switch.expect(3, &igmp_report(station(3), GROUP), &[ROUTER])?;
    thread::sleep(GIVEN_UP);
    data(&switch, GROUP, &[3, ROUTER])
}

/// IGMPv3: joins and leaves are records of reports, which everybody gets.
pub fn igmp_v3(make: Make) -> Result<()> {
    let switch = queried(&Layout::ports(5), make)?;
    let join = igmp_v3_report(station(4), GROUP, Record::ToExclude);
    switch.expect(4, &join, &[1, 2, 3, 5])?;
    data(&switch, GROUP, &[4, ROUTER])?;
    let leave = igmp_v3_report(station(4), GROUP, Record::ToInclude);
    switch.expect(4, &leave, &[1, 2, 3, 5])?;
    ask(&switch, &igmp_query(station(5), Some(GROUP), TENTHS))?;
    thread::sleep(GIVEN_UP);
    data(&switch, GROUP, &[ROUTER])
}

/// MLDv1 as IGMPv2.
pub fn mld_v1(make: Make) -> Result<()> {
    let switch = queried(&Layout::ports(5), make)?;
    data_v6(&switch, GROUP_V6, &[ROUTER])?;
    switch.expect(2, &mld_report(station(2), GROUP_V6), &[ROUTER])?;
    data_v6(&switch, GROUP_V6, &[2, ROUTER])?;
    data_v6(&switch, OTHER_V6, &[ROUTER])?;
    switch.expect(2, &mld_done(station(2), GROUP_V6), &[1, 3, 4, 5])?;
    ask(
        &switch,
        &mld_query(station(5), Some(GROUP_V6), MILLISECONDS),
    )?;
    thread::sleep(GIVEN_UP);
    data_v6(&switch, GROUP_V6, &[ROUTER])
}

/// MLDv2 as IGMPv3.
pub fn mld_v2(make: Make) -> Result<()> {
    let switch = queried(&Layout::ports(5), make)?;
    let join = mld_v2_report(station(4), GROUP_V6, Record::ToExclude);
    switch.expect(4, &join, &[1, 2, 3, 5])?;
    data_v6(&switch, GROUP_V6, &[4, ROUTER])?;
    let leave = mld_v2_report(station(4), GROUP_V6, Record::ToInclude);
    switch.expect(4, &leave, &[1, 2, 3, 5])?;
    ask(
        &switch,
        &mld_query(station(5), Some(GROUP_V6), MILLISECONDS),
    )?;
    thread::sleep(GIVEN_UP);
    data_v6(&switch, GROUP_V6, &[ROUTER])
}

/// 224.0.0.x and ff02::1 are flooded, querier or not.
pub fn always_flooded(make: Make) -> Result<()> {
    let switch = queried(&Layout::ports(5), make)?;
    for last in [1, 2, 5, 22, 251] {
        data(&switch, Ipv4Addr::new(224, 0, 0, last), &[2, 3, 4, 5])?;
    }
    data_v6(&switch, "ff02::1".parse()?, &[2, 3, 4, 5])
}

/// A port that is set to have a router behind it gets every group.
pub fn set_router(make: Make) -> Result<()> {
    let layout = Layout::ports(5).port(3, PortOption::MulticastRouter);
    let switch = queried(&layout, make)?;
    data(&switch, GROUP, &[3, ROUTER])?;
    data_v6(&switch, GROUP_V6, &[3, ROUTER])
}

/// Switched off, groups are flooded, querier or not.
pub fn switched_off(make: Make) -> Result<()> {
    let layout = Layout::ports(5).network(NetworkOption::NoSnooping);
    let switch = queried(&layout, make)?;
    data(&switch, GROUP, &[2, 3, 4, 5])?;
    data_v6(&switch, GROUP_V6, &[2, 3, 4, 5])
}

/// A switch that is the querier itself asks on every port, and once the answers are in a group goes to
/// its members alone.
pub fn querier(make: Make) -> Result<()> {
    let mut switch = Layout::ports(3)
        .network(NetworkOption::Gateway)
        .network(NetworkOption::Querier)
        .start(make)?;
    let ports = ["e1", "e2", "e3"].map(|port| RawSocket::open(&switch.containers, port));
    ask_again(&mut switch)?;
    for socket in ports {
        let query = socket?.next(Duration::from_secs(5), is_general_query)?;
        ensure!(query.is_some(), "a port was not asked");
    }
    switch.send(2, &igmp_report(station(2), GROUP))?;
    thread::sleep(RESPONSE_INTERVAL);
    data(&switch, GROUP, &[2])?;
    data(&switch, OTHER, &[])
}

/// Queriers ask when they begin to be one.
fn ask_again(switch: &mut Switch) -> Result<()> {
    if switch.make == Make::Netfwd {
        let instance = switch.netfwd()?;
        instance.stop()?;
        return instance.start();
    }
    switch.host.ip("link set br0 type bridge mcast_querier 0
         link set br0 type bridge mcast_querier 1")
}

/// An IGMP query, of any version, for every group.
fn is_general_query(frame: &[u8]) -> bool {
    const QUERY: u8 = 0x11;
    const IGMP: u8 = 2;
    let Some((ethernet, ip)) = frame.split_at_checked(14) else {
        return false;
    };
    let header = ip.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
    let ipv4 = ethernet.ends_with(&ether_type::IPV4.to_be_bytes());
    ipv4 && ip.get(9) == Some(&IGMP) && ip.get(header) == Some(&QUERY)
}
