//! Floating addresses: one outside for one inside, both ways.

use anyhow::{Result, ensure};
use tests::{
    behaviour::nat::{paths::hops, seen_as},
    capture::Capture,
    site::{Family, HOST, OUTSIDE, Pair, Plan, Site, over_both},
    traffic::{Ping, WhoAmI, ask_tcp, ask_udp, ping},
};

/// The floating addresses.
const FLOATING: Pair = Pair {
    v4: std::net::Ipv4Addr::new(192, 168, 99, 20),
    v6: std::net::Ipv6Addr::new(0xfd00, 0x99, 0, 0, 0, 0, 0, 0x20),
};

const TABLES: &str = "\
  [[network.floating]]
  external = \"192.168.99.20\"
  internal = \"10.0.3.11\"

  [[network.floating]]
  external = \"fd00:99::20\"
  internal = \"fd00:3::11\"
";

fn site() -> Result<Site> {
    Plan::netfwd_alone().table(TABLES).start()
}

/// From outside the container answers by it, on every port, to pings as well.
#[test]
fn inward() -> Result<()> {
    let site = site()?;
    over_both(|family| {
        let floating = FLOATING.of(family);
        ping(&site.outside, floating, Ping::count(5))?.complete()?;
        ping(&site.far, floating, Ping::count(5))?.complete()?;
        let _server = WhoAmI::start(&site.c1.ns, site.c1.at.of(family), 4321)?;
        seen_as(&site.outside, (floating, 4321).into(), OUTSIDE.of(family))
    })
}

/// The host is a hop on the way to it, by every kind of probe.
#[test]
fn traceroute_inward() -> Result<()> {
    let site = site()?;
    for how in ["-I", "-U -p 33434", "-T -p 4321"] {
        hops(&site.outside, how, &[FLOATING, FLOATING])?;
    }
    Ok(())
}

/// The container leaves by it, and its neighbour by the host's address.
#[test]
fn outward() -> Result<()> {
    let site = site()?;
    over_both(|family| {
        let server = WhoAmI::start(&site.outside, OUTSIDE.of(family), 7000)?;
        ping(&site.c1.ns, OUTSIDE.of(family), Ping::count(5))?.complete()?;
        seen_as(&site.c1.ns, server.address, FLOATING.of(family))?;
        seen_as(&site.c2.ns, server.address, HOST.of(family))
    })
}

/// Ports are the container's own: nothing is translated but the address.
#[test]
fn ports_stay() -> Result<()> {
    let site = site()?;
    over_both(|family| {
        let server = WhoAmI::start(&site.outside, OUTSIDE.of(family), 7000)?;
        let socket = tests::traffic::udp_socket(&site.c1.ns, server.address, 1234)?;
        let seen = tests::traffic::whoami(&socket)?;
        ensure!(seen == (FLOATING.of(family), 1234).into(), "{seen} is seen");
        Ok(())
    })
}

/// Its neighbour and the container itself reach it by the floating address.
#[test]
fn hairpin() -> Result<()> {
    let site = site()?;
    over_both(|family| {
        let floating = FLOATING.of(family);
        let _server = WhoAmI::start(&site.c1.ns, site.c1.at.of(family), 4321)?;
        for client in [&site.c2, &site.c1] {
            ask_udp(&client.ns, (floating, 4321))?;
            ask_tcp(&client.ns, (floating, 4321))?;
        }
        ping(&site.c2.ns, floating, Ping::count(5))?.complete()?;
        Ok(())
    })
}

/// What does not fit into the network is refused by the address that it was sent to, which tells what fits.
#[test]
fn what_does_not_fit_is_told() -> Result<()> {
    let mut site = site()?;
    let netfwd = site.netfwd()?;
    let config = netfwd.config()?;
    netfwd.reload(&config.replace("name = \"blue\"\n", "name = \"blue\"\nmtu = 1400\n"))?;
    over_both(|family| {
        let floating = FLOATING.of(family);
        let line = format!("ping -n -M do -c 3 -i 0.2 -W 1 -s 1420 {floating}");
        let said = site.outside.attempt(&line)?;
        let told = ["mtu = 1400", "mtu=1400"];
        let words = [&said.stdout, &said.stderr].map(|text| told.map(|told| text.contains(told)));
        ensure!(words.as_flattened().contains(&true), "no MTU in {said}");
        Ok(())
    })
}

/// Taking an address over is announced on the uplink, so that neighbours forget who had it; giving it up
/// ends what used it.
#[test]
fn take_over() -> Result<()> {
    let mut site = Site::new(tests::topology::Stack::Netfwd)?;
    let server = WhoAmI::start(&site.outside, OUTSIDE.v4, 7000)?;
    let capture = Capture::start(&site.outside, "eth0", "arp")?;
    let netfwd = site.netfwd()?;
    netfwd.cli("floating add 192.168.99.20 --to 10.0.3.11 --network blue")?;
    ping(&site.outside, FLOATING.v4, Ping::count(3))?.complete()?;
    seen_as(&site.c1.ns, server.address, FLOATING.v4.into())?;
    let arp = capture.fields(&["arp.src.proto_ipv4", "arp.dst.proto_ipv4"])?;
    let announced = [FLOATING.v4.to_string(), FLOATING.v4.to_string()];
    ensure!(arp.iter().any(|row| *row == announced), "{arp:?}");
    let netfwd = site.netfwd()?;
    ensure!(!netfwd.json("session show --kind floating")?.is_empty());
    netfwd.cli("floating del 192.168.99.20")?;
    ensure!(netfwd.json("session show --kind floating")?.is_empty());
    seen_as(&site.c1.ns, server.address, HOST.v4.into())
}

/// The same over IPv6, by unsolicited neighbour advertisements.
#[test]
fn take_over_ipv6() -> Result<()> {
    let mut site = Site::new(tests::topology::Stack::Netfwd)?;
    let capture = Capture::start(&site.outside, "eth0", "icmp6")?;
    let netfwd = site.netfwd()?;
    netfwd.cli("floating add fd00:99::20 --to fd00:3::11 --network blue")?;
    ping(&site.outside, FLOATING.v6, Ping::count(3))?.complete()?;
    let rows = capture.fields(&["icmpv6.nd.na.target_address", "ipv6.dst"])?;
    let announced = [FLOATING.v6.to_string(), "ff02::1".to_owned()];
    ensure!(rows.iter().any(|row| *row == announced), "{rows:?}");
    Ok(())
}

/// An l4 port that is published on the floating address goes where it is published, all else to the
/// container that has the address.
#[test]
fn what_is_published_goes_first_on_its_own_address() -> Result<()> {
    let site = Plan::netfwd_alone()
        .table(TABLES)
        .publish("192.168.99.20:8080/tcp", "10.0.3.12:80")?
        .start()?;
    let _servers = [
        WhoAmI::named("c1", &site.c1.ns, site.c1.at.v4, 8081)?,
        WhoAmI::named("c2", &site.c2.ns, site.c2.at.v4, 80)?,
    ];
    for (port, name) in [(8080, "c2"), (8081, "c1")] {
        let answers = tests::traffic::ask_name(&site.outside, (FLOATING.of(Family::V4), port))?;
        ensure!(answers == name, "{answers} answers on {port}");
    }
    Ok(())
}
