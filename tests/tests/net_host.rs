//! The host's own processes reach published ports and floating addresses, by whatever address they name.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tests::{
    netns::Namespace,
    site::{Family, GATEWAY, HOST, Plan, Site, over_both},
    traffic::{WhoAmI, ask_name, ask_tcp, ask_udp, unspecified},
};

const PATIENCE: Duration = Duration::from_secs(3);

/// Publishes a port of every address of the host, one for each family, as 80 of `c1`.
fn published() -> Result<Site> {
    let mut plan = Plan::netfwd_alone();
    for (port, to) in [(8080, "10.0.3.11:80"), (8086, "[fd00:3::11]:80")] {
        for proto in ["tcp", "udp"] {
            plan = plan.publish(&format!("{port}/{proto}"), to)?;
        }
    }
    plan.start()
}

/// The published port of a family.
fn port(family: Family) -> u16 {
    match family {
        Family::V4 => 8080,
        Family::V6 => 8086,
    }
}

fn serve(site: &Site, family: Family) -> Result<WhoAmI> {
    WhoAmI::named("c1", &site.c1.ns, site.c1.at.of(family), 80)
}

fn loopback(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::LOCALHOST.into(),
        Family::V6 => Ipv6Addr::LOCALHOST.into(),
    }
}

/// Asks by an unconnected socket: who answers must be who was asked.
fn ask_unconnected(client: &Namespace, server: SocketAddr) -> Result<()> {
    let socket = client.within(|| UdpSocket::bind((unspecified(server), 0)))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    for _ in 0..3 {
        socket.send_to(b"who am I?", server)?;
        let (_, from) = socket.recv_from(&mut [0; 128])?;
        ensure!(from == server, "{server} was asked, {from} answers");
    }
    Ok(())
}

/// Connects by both protocols: the process is told the address that it named.
fn peer_is_told(client: &Namespace, server: SocketAddr) -> Result<()> {
    let told = client.within(|| TcpStream::connect_timeout(&server, PATIENCE)?.peer_addr())?;
    ensure!(told == server, "{told} is told by TCP");
    let socket = client.within(|| UdpSocket::bind((unspecified(server), 0)))?;
    socket.connect(server)?;
    ensure!(socket.peer_addr()? == server);
    Ok(())
}

#[test]
fn by_every_address_of_the_host() -> Result<()> {
    let site = published()?;
    over_both(|family| {
        let _server = serve(&site, family)?;
        for address in [HOST.of(family), GATEWAY.of(family), loopback(family)] {
            let listener = SocketAddr::from((address, port(family)));
            ensure!(ask_name(&site.host, listener)? == "c1");
            let seen = ask_udp(&site.host, listener)?.ip();
            ensure!(seen == GATEWAY.of(family), "{seen} is seen");
            ask_unconnected(&site.host, listener)?;
            peer_is_told(&site.host, listener)?;
        }
        Ok(())
    })
}

/// What one listener has is not had by another port or address.
#[test]
fn nothing_else_is_touched() -> Result<()> {
    let site = published()?;
    over_both(|family| {
        let _server = serve(&site, family)?;
        ensure!(ask_tcp(&site.host, (loopback(family), 80)).is_err());
        ensure!(ask_tcp(&site.host, (loopback(family), 8081)).is_err());
        let own = WhoAmI::named("host", &site.host, loopback(family), 8081)?;
        ensure!(ask_name(&site.host, own.address)? == "host");
        ask_unconnected(&site.host, own.address)
    })
}

#[test]
fn by_sockets_of_both_families() -> Result<()> {
    let site = published()?;
    let _server = serve(&site, Family::V4)?;
    for address in [HOST.v4, Ipv4Addr::LOCALHOST] {
        let mapped = SocketAddr::from((address.to_ipv6_mapped(), 8080));
        let seen = ask_tcp(&site.host, mapped)?.ip();
        ensure!(seen == GATEWAY.v4, "{seen} is seen");
        ask_unconnected(&site.host, mapped)?;
        peer_is_told(&site.host, mapped)?;
    }
    Ok(())
}

/// As from outside, where what is published never reaches the host's stack.
#[test]
fn published_ports_go_before_the_host_s_own() -> Result<()> {
    let site = published()?;
    let _server = serve(&site, Family::V4)?;
    let _own = WhoAmI::named("host", &site.host, Ipv4Addr::UNSPECIFIED, 8080)?;
    for client in [&site.host, &site.outside] {
        ensure!(ask_name(client, (HOST.v4, 8080))? == "c1");
    }
    ensure!(ask_name(&site.host, (Ipv4Addr::LOCALHOST, 8080))? == "c1");
    Ok(())
}

/// A cgroup is of the whole machine, an instance of one network namespace.
#[test]
fn another_namespace_with_the_same_addresses_is_left_alone() -> Result<()> {
    let site = published()?;
    let other = Namespace::new("other")?;
    other.ip(&format!("addr add {}/32 dev lo", HOST.v4))?;
    let _server = serve(&site, Family::V4)?;
    for address in [HOST.v4, Ipv4Addr::LOCALHOST] {
        let listener = SocketAddr::from((address, 8080));
        ensure!(ask_tcp(&other, listener).is_err());
        let _own = WhoAmI::named("other", &other, address, 8080)?;
        ensure!(ask_name(&other, listener)? == "other");
        ask_unconnected(&other, listener)?;
        ensure!(ask_name(&site.host, listener)? == "c1");
    }
    Ok(())
}

#[test]
fn a_socket_keeps_its_target_and_sockets_share() -> Result<()> {
    let table = "  [[network.publish]]\n  listen = \"8080/tcp\"\n  \
                 to = [\"10.0.3.11:80\", \"10.0.3.12:80\"]\n";
    let site = Plan::netfwd_alone().table(table).start()?;
    let _servers = [
        serve(&site, Family::V4)?,
        WhoAmI::named("c2", &site.c2.ns, site.c2.at.v4, 80)?,
    ];
    let names = (0..40).map(|_| ask_name(&site.host, (Ipv4Addr::LOCALHOST, 8080)));
    let names: std::collections::BTreeSet<String> = names.collect::<Result<_>>()?;
    ensure!(names.len() == 2, "{names:?}");
    Ok(())
}

#[test]
fn floating_addresses() -> Result<()> {
    let table = "  [[network.floating]]\n  external = \"192.168.99.20\"\n  \
                 internal = \"10.0.3.11\"\n\n  [[network.floating]]\n  \
                 external = \"fd00:99::20\"\n  internal = \"fd00:3::11\"\n";
    let site = Plan::netfwd_alone().table(table).start()?;
    over_both(|family| {
        let _server = serve(&site, family)?;
        let external: IpAddr = match family {
            Family::V4 => Ipv4Addr::new(192, 168, 99, 20).into(),
            Family::V6 => "fd00:99::20".parse()?,
        };
        let server = SocketAddr::from((external, 80));
        ensure!(ask_name(&site.host, server)? == "c1");
        ask_unconnected(&site.host, server)?;
        peer_is_told(&site.host, server)
    })
}

/// The programs work without the daemon, a restart adopts them, and what is no longer published is closed.
#[test]
fn from_start_to_cleanup() -> Result<()> {
    let mut site = published()?;
    let _server = serve(&site, Family::V4)?;
    let listener = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    site.netfwd()?.kill()?;
    ensure!(
        ask_name(&site.host, listener)? == "c1",
        "without the daemon"
    );
    site.netfwd()?.start()?;
    ensure!(ask_name(&site.host, listener)? == "c1", "after a restart");
    let status = site.netfwd()?.json("status")?;
    ensure!(status[0]["sockets"] == "cgroup", "{}", status[0]);
    let hooks = status[0]["interfaces"].as_array().context("interfaces")?;
    let mut modes = hooks.iter().filter_map(|hook| hook["mode"].as_str());
    ensure!(
        modes.all(|mode| ["tcx", "clsact", "xdp-native", "xdp-generic"].contains(&mode)),
        "{hooks:?}"
    );
    site.netfwd()?.stop()?;
    let removed = site.netfwd()?.cli("cleanup")?;
    ensure!(removed.stdout.contains("sockets"), "{}", removed.stdout);
    ensure!(ask_tcp(&site.host, listener).is_err(), "after the cleanup");
    Ok(())
}
