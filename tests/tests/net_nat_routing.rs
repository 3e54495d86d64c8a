//! Networks of one host: whether and how they reach each other through their gateways.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::{
    behaviour::nat::seen_as,
    process::eventually,
    site::{Family, Plan, Site, over_both},
    traffic::{Ping, WhoAmI, ping, tcp_bulk, udp_socket, whoami},
};

/// A site of two networks, with a table `routing` of these lines.
fn site(lines: &str) -> Result<Site> {
    let plan = Plan::netfwd_alone().green();
    plan.head(&format!("[routing]\n{lines}\n")).start()
}

/// Both ways, by ping, UDP and TCP, untranslated.
fn reach_each_other(site: &Site) -> Result<()> {
    over_both(|family| {
        for (from, to) in [(&site.c1, site.g1()?), (site.g1()?, &site.c1)] {
            let (source, target) = (from.at.of(family), to.at.of(family));
            ping(&from.ns, target, Ping::count(5))?.complete()?;
            let server = WhoAmI::start(&to.ns, target, 7000)?;
            seen_as(&from.ns, server.address, source)?;
            tcp_bulk(&to.ns, target, &from.ns, 20_000_000)?;
        }
        Ok(())
    })
}

/// What nobody answers is not waited for long.
const BRIEF: Ping = Ping {
    count: 2,
    interval: Duration::from_millis(10),
    size: 84,
    dont_fragment: false,
    patience: Duration::from_millis(500),
};

fn are_apart(site: &Site) -> Result<()> {
    over_both(|family| {
        for (from, to) in [(&site.c1, site.g1()?), (site.g1()?, &site.c1)] {
            let target = to.at.of(family);
            ping(&from.ns, target, BRIEF)?.none()?;
            let server = WhoAmI::start(&to.ns, target, 7000)?;
            let socket = udp_socket(&from.ns, server.address, 0)?;
            socket.set_read_timeout(Some(BRIEF.patience))?;
            ensure!(whoami(&socket).is_err(), "{target} answers");
        }
        Ok(())
    })
}

#[test]
fn denied_by_default() -> Result<()> {
    let mut site = Plan::netfwd_alone().green().start()?;
    are_apart(&site)?;
    let drops = site.netfwd()?.cli("-j stats")?;
    ensure!(drops.stdout.contains("routing-denied"), "{drops}");
    Ok(())
}

/// Nothing of what the host's own stack forwards makes a difference.
#[test]
fn denied_with_forwarding_on() -> Result<()> {
    let site = Plan::netfwd_alone().green().start()?;
    site.host.sysctl("net/ipv4/ip_forward", "1")?;
    site.host.sysctl("net/ipv6/conf/all/forwarding", "1")?;
    are_apart(&site)
}

#[test]
fn allowed() -> Result<()> {
    reach_each_other(&site("between = \"allow\"")?)
}

#[test]
fn one_pair_allowed() -> Result<()> {
    reach_each_other(&site("allow = [[\"blue\", \"green\"]]")?)
}

#[test]
fn one_pair_denied() -> Result<()> {
    are_apart(&site(
        "between = \"allow\"\ndeny = [[\"blue\", \"green\"]]",
    )?)
}

/// The gateway is a hop: it counts the time to live down, and says so when that is over.
#[test]
fn the_gateway_is_a_hop() -> Result<()> {
    let site = site("between = \"allow\"")?;
    over_both(|family| {
        let target = site.g1()?.at.of(family);
        let line = format!("traceroute -n -q 1 -w 2 -m 4 -I {target}");
        let said = site.c1.ns.run(&line)?;
        let hops = said.stdout.lines().skip(1);
        let hops: Vec<_> = hops
            .filter_map(|hop| hop.split_whitespace().nth(1))
            .collect();
        let gateway = match family {
            Family::V4 => "10.0.3.1",
            Family::V6 => "fd00:3::1",
        };
        ensure!(hops == [gateway, &target.to_string()], "{said}");
        Ok(())
    })
}

/// A container that sends with an address of another network gets nowhere: no route leads back that way.
#[test]
fn reverse_path() -> Result<()> {
    let mut site = site("between = \"allow\"")?;
    site.c1.ns.ip("addr add 10.0.4.99/32 dev eth0")?;
    let target = site.g1()?.at.v4;
    site.c1
        .ns
        .attempt(&format!("ping -n -c 3 -i 0.2 -W 1 -I 10.0.4.99 {target}"))?;
    eventually("a drop", Duration::from_secs(5), || {
        Ok(site
            .netfwd()?
            .cli("-j stats")?
            .stdout
            .contains("reverse-path"))
    })
}
