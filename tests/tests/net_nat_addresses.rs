//! Which addresses flows get outside: the uplink's, one that is given, or of a range.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    thread,
    time::Duration,
};

use anyhow::{Result, ensure};
use tests::{
    behaviour::nat::seen_as,
    site::{Family, HOST, OUTSIDE, Plan, Site, over_both},
    stun::{PORT, Servers, seen_by, socket},
    topology::Stack,
    traffic::{Ping, WhoAmI, ask_tcp, ping},
};

/// A source address of its own, which netfwd answers for on the uplink.
#[test]
fn a_given_address() -> Result<()> {
    let value = "[\"192.168.99.50\", \"fd00:99::50\"]";
    let site = Plan::netfwd_alone().masquerade(value).start()?;
    over_both(|family| {
        let address = match family {
            Family::V4 => "192.168.99.50".parse::<IpAddr>()?,
            Family::V6 => "fd00:99::50".parse()?,
        };
        let server = WhoAmI::start(&site.outside, OUTSIDE.of(family), PORT)?;
        ping(&site.c1.ns, OUTSIDE.of(family), Ping::count(5))?.complete()?;
        seen_as(&site.c1.ns, server.address, address)
    })
}

/// RFC 4787 REQ-2: of a range, a container always has the same address, for every protocol.
#[test]
fn a_given_range() -> Result<()> {
    let site = Plan::netfwd_alone()
        .masquerade("\"192.168.99.50-192.168.99.53\"")
        .start()?;
    let servers = Servers::start(&site, Family::V4)?;
    let range = Ipv4Addr::new(192, 168, 99, 50)..=Ipv4Addr::new(192, 168, 99, 53);
    for container in [&site.c1, &site.c2] {
        let mut seen = BTreeSet::new();
        for server in &servers.0 {
            let client = socket(&container.ns, container.at.v4.into(), 0)?;
            seen.insert(seen_by(&client, server.address)?.ip());
            seen.insert(ask_tcp(&container.ns, server.address)?.ip());
        }
        ensure!(seen.len() == 1, "one container is seen as {seen:?}");
        let inside = |ip: &IpAddr| matches!(ip, IpAddr::V4(ip) if range.contains(ip));
        ensure!(seen.iter().all(inside), "{seen:?}");
    }
    Ok(())
}

/// When the uplink's address changes, new flows have the new one.
#[test]
fn the_uplinks_address_is_followed() -> Result<()> {
    let site = Site::new(Stack::Netfwd)?;
    let server = WhoAmI::start(&site.outside, OUTSIDE.v4, PORT)?;
    seen_as(&site.c1.ns, server.address, HOST.v4.into())?;
    site.host.ip("addr del 192.168.99.1/24 dev up0
         addr add 192.168.99.7/24 dev up0
         route replace default via 192.168.99.100")?;
    thread::sleep(Duration::from_millis(500));
    let new = IpAddr::from([192, 168, 99, 7]);
    seen_as(&site.c1.ns, server.address, new)
}
