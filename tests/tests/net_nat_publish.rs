//! Published ports: from everywhere, to several, in ranges, and for as long as they are published.

use std::{
    collections::BTreeSet,
    io::{ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tests::{
    behaviour::nat::{paths::hops, seen_as},
    netns::Namespace,
    process::{TIMEOUT, eventually},
    site::{Family, HOST, OUTSIDE, OUTSIDE_TOO, Plan, Site, over_both},
    traffic::{WhoAmI, ask_name, ask_tcp, ask_udp, udp_socket},
};

/// Publishes 8080 of the host as 80 of `c1`.
fn published() -> Plan {
    Plan::netfwd_alone().publish_both(8080, 80)
}

fn answers(client: &Namespace, listener: SocketAddr) -> Result<()> {
    ask_udp(client, listener)?;
    ask_tcp(client, listener)?;
    Ok(())
}

#[test]
fn from_the_same_network() -> Result<()> {
    let site = published().start()?;
    over_both(|family| {
        let _server = WhoAmI::start(&site.c1.ns, site.c1.at.of(family), 80)?;
        answers(&site.c2.ns, (HOST.of(family), 8080).into())
    })
}

/// A port that nobody serves is refused as it is to the outside, by an error that comes the same way.
#[test]
fn refused_to_the_same_network() -> Result<()> {
    let site = published().start()?;
    over_both(|family| {
        let socket = udp_socket(&site.c2.ns, (HOST.of(family), 8080).into(), 0)?;
        socket.send(b"anybody?")?;
        let error = socket.recv(&mut [0; 16]).expect_err("nobody is there");
        ensure!(error.kind() == ErrorKind::ConnectionRefused, "{error}");
        Ok(())
    })
}

/// The host is a hop on the way there, and does not answer itself.
#[test]
fn traceroute_from_the_same_network() -> Result<()> {
    let site = published().start()?;
    hops(&site.c2.ns, "-T -p 8080", &[HOST, HOST])
}

/// A listener without an address serves the family of its targets: one l4 port is published over both.
#[test]
fn one_port_over_both_families() -> Result<()> {
    let site = Plan::netfwd_alone()
        .publish("8080/tcp", "10.0.3.11:80")?
        .publish("8080/tcp", "[fd00:3::12]:80")?
        .start()?;
    let _servers = [
        WhoAmI::named("c1", &site.c1.ns, site.c1.at.v4, 80)?,
        WhoAmI::named("c2", &site.c2.ns, site.c2.at.v6, 80)?,
    ];
    for (family, name) in [(Family::V4, "c1"), (Family::V6, "c2")] {
        let answers = ask_name(&site.outside, (HOST.of(family), 8080))?;
        ensure!(answers == name, "{answers} answers over {family:?}");
    }
    Ok(())
}

#[test]
fn from_its_own_container() -> Result<()> {
    let site = published().start()?;
    over_both(|family| {
        let _server = WhoAmI::start(&site.c1.ns, site.c1.at.of(family), 80)?;
        answers(&site.c1.ns, (HOST.of(family), 8080).into())
    })
}

#[test]
fn from_another_network() -> Result<()> {
    let site = published().green().start()?;
    over_both(|family| {
        let _server = WhoAmI::start(&site.c1.ns, site.c1.at.of(family), 80)?;
        answers(&site.g1()?.ns, (HOST.of(family), 8080).into())
    })
}

#[test]
fn from_the_host_itself() -> Result<()> {
    let site = published().start()?;
    over_both(|family| {
        let _server = WhoAmI::start(&site.c1.ns, site.c1.at.of(family), 80)?;
        answers(&site.host, (HOST.of(family), 8080).into())
    })
}

#[test]
fn on_one_address_alone() -> Result<()> {
    let plan = Plan::netfwd_alone().publish("192.168.99.1:8080/tcp", "10.0.3.11:80")?;
    let site = plan.start()?;
    site.host.ip("addr add 192.168.99.2/24 dev up0")?;
    let _server = WhoAmI::start(&site.c1.ns, site.c1.at.v4, 80)?;
    ask_tcp(&site.outside, (HOST.v4, 8080))?;
    ensure!(ask_tcp(&site.outside, ([192, 168, 99, 2], 8080)).is_err());
    Ok(())
}

#[test]
fn a_range() -> Result<()> {
    let site = Plan::netfwd_alone()
        .publish("9000-9009/tcp", "10.0.3.11:9000")?
        .publish("9100-9109/tcp", "10.0.3.11:7100")?
        .start()?;
    for (listen, port) in [(9000, 9000), (9009, 9009), (9103, 7103)] {
        let _server = WhoAmI::start(&site.c1.ns, site.c1.at.v4, port)?;
        seen_as_tcp(&site, listen)?;
    }
    ensure!(ask_tcp(&site.outside, (HOST.v4, 9010)).is_err());
    Ok(())
}

fn seen_as_tcp(site: &Site, listen: u16) -> Result<()> {
    let seen =
        ask_tcp(&site.outside, (HOST.v4, listen)).with_context(|| format!("port {listen}"))?;
    ensure!(seen.ip() == OUTSIDE.v4, "{seen} is seen");
    Ok(())
}

const TWO_TARGETS: &str = "\
  [[network.publish]]
  listen = \"8080/tcp\"
  to = [\"10.0.3.11:80\", \"10.0.3.12:80\"]
";

/// A site whose two containers serve one listener.
fn two_targets(more: &str) -> Result<(Site, [WhoAmI; 2])> {
    let plan = Plan::netfwd_alone().table(&format!("{TWO_TARGETS}{more}"));
    let site = plan.start()?;
    let servers = [
        WhoAmI::named("c1", &site.c1.ns, site.c1.at.v4, 80)?,
        WhoAmI::named("c2", &site.c2.ns, site.c2.at.v4, 80)?,
    ];
    Ok((site, servers))
}

/// Who answers so many connections of a client.
fn who_answers(site: &Site, connections: usize) -> Result<BTreeSet<String>> {
    (0..connections)
        .map(|_| ask_name(&site.outside, (HOST.v4, 8080)))
        .collect()
}

#[test]
fn several_targets_share() -> Result<()> {
    let (site, _servers) = two_targets("")?;
    let names = who_answers(&site, 40)?;
    ensure!(names.len() == 2, "{names:?}");
    Ok(())
}

#[test]
fn affinity_keeps_a_client_where_it_was() -> Result<()> {
    let (site, _servers) = two_targets("  affinity = \"source\"\n")?;
    let names = who_answers(&site, 30)?;
    ensure!(names.len() == 1, "{names:?}");
    Ok(())
}

/// New connections go to who is alive; it comes back by itself.
#[test]
fn a_dead_target_gets_no_new_connections() -> Result<()> {
    let (site, _servers) = two_targets("")?;
    ensure!(who_answers(&site, 40)?.len() == 2);
    site.c1.ns.ip("link set eth0 down")?;
    eventually("c1 is given up", TIMEOUT, || {
        Ok(who_answers(&site, 8).is_ok_and(|names| names.len() == 1))
    })?;
    let names = who_answers(&site, 40)?;
    ensure!(names.contains("c2") && names.len() == 1, "{names:?}");
    site.c1
        .ns
        .ip("link set eth0 up\nroute add default via 10.0.3.1")?;
    eventually("c1 is back", TIMEOUT, || {
        Ok(who_answers(&site, 20)?.len() == 2)
    })
}

/// A connection that stands ends when its listener is no longer published, and the client is not left to
/// wait for ever.
#[test]
fn removal_ends_sessions_at_once() -> Result<()> {
    let mut site = Plan::netfwd_alone().start()?;
    let netfwd = site.netfwd()?;
    netfwd.cli("publish add 8080/tcp --to 10.0.3.11:80 --network blue")?;
    let listener = site
        .c1
        .ns
        .within(|| TcpListener::bind((site.c1.at.v4, 80)))?;
    let mut client = connect(&site.outside, (HOST.v4.into(), 8080))?;
    let (mut server, _) = listener.accept()?;
    client.write_all(b"a")?;
    server.read_exact(&mut [0])?;
    let netfwd = site.netfwd()?;
    ensure!(netfwd.json("session show --kind publish")?.len() == 1);
    netfwd.cli("publish del 8080/tcp")?;
    ensure!(netfwd.json("session show --kind publish")?.is_empty());
    client.write_all(b"b")?;
    server.set_read_timeout(Some(Duration::from_millis(500)))?;
    ensure!(server.read(&mut [0]).is_err(), "data came after the end");
    // The host has no such connection, and says so.
    ensure!(client.read(&mut [0]).is_err(), "the client was not told");
    Ok(())
}

fn connect(client: &Namespace, to: (IpAddr, u16)) -> Result<TcpStream> {
    let stream = client.within(|| TcpStream::connect_timeout(&to.into(), TIMEOUT))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok(stream)
}

/// A listener that is moved takes new connections to its new target, at once.
#[test]
fn a_change_holds_at_once() -> Result<()> {
    let mut site = Plan::netfwd_alone().start()?;
    let _servers = [
        WhoAmI::named("c1", &site.c1.ns, site.c1.at.v4, 80)?,
        WhoAmI::named("c2", &site.c2.ns, site.c2.at.v4, 80)?,
    ];
    let before = site.netfwd()?.config()?;
    for (target, name) in [("10.0.3.11:80", "c1"), ("10.0.3.12:80", "c2")] {
        let publish = format!("\n[[network.publish]]\nlisten = \"8080/tcp\"\nto = \"{target}\"\n");
        site.netfwd()?.write(&format!("{before}{publish}"))?;
        site.netfwd()?.cli("reload")?;
        let answers = ask_name(&site.outside, (HOST.v4, 8080))?;
        ensure!(answers == name, "{answers} answers");
    }
    Ok(())
}

/// Clients by two addresses are seen by theirs, each.
#[test]
fn clients_keep_their_addresses() -> Result<()> {
    let site = published().start()?;
    over_both(|family| {
        let _server = WhoAmI::start(&site.c1.ns, site.c1.at.of(family), 80)?;
        let listener = SocketAddr::from((HOST.of(family), 8080));
        seen_as(&site.outside, listener, OUTSIDE.of(family))?;
        let other = OUTSIDE_TOO.of(family);
        let socket = site
            .outside
            .within(|| std::net::UdpSocket::bind((other, 0)))?;
        socket.set_read_timeout(Some(Duration::from_secs(3)))?;
        socket.connect(listener)?;
        let seen = tests::traffic::whoami(&socket)?;
        ensure!(seen.ip() == other, "{seen} is seen");
        Ok(())
    })
}
