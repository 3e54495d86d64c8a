//! What people have done with nftables, Docker and policy routing, done with netfwd.

use std::{net::IpAddr, thread, time::Duration};

use anyhow::{Result, ensure};
use tests::{
    behaviour::nat::{outgoing, seen_as},
    netns::Namespace,
    packet::v4,
    site::{HOST, OUTSIDE, Plan, Site},
    ssh::{self, SshServer},
    topology::{Instance, Stack, veth},
    traffic::{Ping, WhoAmI, ping},
};

/// `lxcbr0`, 10.0.3.0/24, masqueraded to everything but itself.
#[test]
fn lxcbr0() -> Result<()> {
    let site = Site::new(Stack::Netfwd)?;
    outgoing::not_to_itself(&site)?;
    outgoing::tcp_and_udp(&site)
}

/// Docker's 49153 of the host is 22 of the container, for a secure shell.
#[test]
fn docker_49153_is_22() -> Result<()> {
    let plan = Plan::netfwd_alone().publish("49153/tcp", "10.0.3.11:22")?;
    let site = plan.start()?;
    let server = SshServer::start(&site.c1.ns, site.c1.at.v4)?;
    let at = (HOST.v4.into(), 49153);
    let session = server.session(&site.outside, at, "true", "echo $SSH_CLIENT")?;
    let said = ssh::ended(session, Duration::from_secs(10))?;
    let client = format!("{} ", OUTSIDE.v4);
    ensure!(said.stdout.starts_with(&client), "{said}");
    Ok(())
}

/// A session that stays idle, while the daemon is killed and started again, lives: each side speaks
/// once more, out of a container and into one.
#[test]
fn idle_sessions_live() -> Result<()> {
    let plan = Plan::netfwd_alone().publish("49153/tcp", "10.0.3.11:22")?;
    let mut site = plan.start()?;
    let inside = SshServer::start(&site.c1.ns, site.c1.at.v4)?;
    let outside = SshServer::start(&site.outside, OUTSIDE.v4)?;
    let at = (HOST.v4.into(), 49153);
    let idle = "echo one; sleep 8; echo two";
    let sessions = [
        inside.session(&site.outside, at, idle, "cat; echo three")?,
        outside.session(
            &site.c2.ns,
            (OUTSIDE.v4.into(), 22),
            idle,
            "cat; echo three",
        )?,
    ];
    thread::sleep(Duration::from_secs(3));
    site.netfwd()?.kill()?;
    site.netfwd()?.start()?;
    for session in sessions {
        let said = ssh::ended(session, Duration::from_secs(20))?;
        ensure!(said.stdout == "one\ntwo\nthree\n", "{said}");
    }
    Ok(())
}

/// A second host has the first as its gateway, and is masqueraded out of the first one's other interface.
#[test]
fn a_second_host_behind_the_first() -> Result<()> {
    let [first, second, outside] = [
        Namespace::new("h1")?,
        Namespace::new("h2")?,
        Namespace::new("out")?,
    ];
    veth(&first, "eth0", &outside, "eth0")?;
    veth(&first, "eth1", &second, "eth0")?;
    first.ip("addr add 192.168.99.1/24 dev eth0")?;
    outside.ip("addr add 192.168.99.100/24 dev eth0")?;
    second.ip("addr add 172.31.0.107/24 dev eth0\nroute add default via 172.31.0.106")?;
    let mut netfwd = Instance::new(&first, SECOND_HOST)?;
    netfwd.start()?;
    let server = WhoAmI::start(&outside, OUTSIDE.v4, 7000)?;
    ping(&second, OUTSIDE.v4, Ping::count(5))?.complete()?;
    seen_as(&second, server.address, HOST.v4.into())
}

const SECOND_HOST: &str = "\
[host]
uplinks = [\"eth0\"]

[[network]]
name = \"lan\"

  [network.gateway]
  addresses = [\"172.31.0.106/24\"]
  masquerade = true

  [[network.port]]
  interface = \"eth1\"
";

/// Two containers of one network leave by two gateways, each on an uplink of its own, as the host's rules
/// say.
#[test]
fn two_gateways() -> Result<()> {
    let host = Namespace::new("h")?;
    let [a, b] = [Namespace::new("gwa")?, Namespace::new("gwb")?];
    for (number, gateway) in [(98, &a), (99, &b)] {
        gateway_of(&host, number, gateway)?;
    }
    let containers = [container(&host, 11)?, container(&host, 12)?];
    host.ip("rule add from 10.0.3.11 lookup 98\nrule add from 10.0.3.12 lookup 99")?;
    let mut netfwd = Instance::new(&host, TWO_GATEWAYS)?;
    netfwd.start()?;
    // The server has the same address behind both.
    let server = v4("203.0.113.1");
    for (container, (gateway, number)) in containers.iter().zip([(&a, 98), (&b, 99)]) {
        let server = WhoAmI::start(gateway, server, 7000)?;
        let address = IpAddr::from([192, 168, number, 1]);
        ping(container, server.address.ip(), Ping::count(3))?.complete()?;
        seen_as(container, server.address, address)?;
    }
    Ok(())
}

const TWO_GATEWAYS: &str = "\
[host]
uplinks = [\"up98\", \"up99\"]

[[network]]
name = \"blue\"

  [network.gateway]
  addresses = [\"10.0.3.1/24\"]
  masquerade = true

  [[network.port]]
  interface = \"veth-11\"

  [[network.port]]
  interface = \"veth-12\"
";

fn gateway_of(host: &Namespace, number: u8, gateway: &Namespace) -> Result<()> {
    veth(host, &format!("up{number}"), gateway, "eth0")?;
    gateway.ip(&format!(
        "addr add 192.168.{number}.254/24 dev eth0\naddr add 203.0.113.1/32 dev lo"
    ))?;
    host.ip(&format!(
        "addr add 192.168.{number}.1/24 dev up{number}
         route add default via 192.168.{number}.254 dev up{number} table {number}"
    ))
}

fn container(host: &Namespace, last: u8) -> Result<Namespace> {
    let ns = Namespace::new(&format!("c{last}"))?;
    veth(host, &format!("veth-{last}"), &ns, "eth0")?;
    ns.ip(&format!(
        "addr add 10.0.3.{last}/24 dev eth0\nroute add default via 10.0.3.1"
    ))?;
    Ok(ns)
}
