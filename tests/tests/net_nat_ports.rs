//! Which l4 ports flows get outside, and what happens when there are few.

use std::{
    net::{IpAddr, UdpSocket},
    time::Duration,
};

use anyhow::{Result, ensure};
use tests::{
    site::{Family, HOST, OUTSIDE, Plan, Site, over_both},
    stun::{PORT, Servers, seen_by, socket},
    topology::Stack,
    traffic::{WhoAmI, udp_socket},
};

/// RFC 4787 REQ-3 and REQ-4: the range that the l4 port is in and whether it is even are kept.
#[test]
fn parity_is_kept() -> Result<()> {
    let site = Site::new(Stack::Netfwd)?;
    over_both(|family| {
        let servers = Servers::start(&site, family)?;
        for port in 5_000..5_020 {
            let client = socket(&site.c1.ns, site.c1.at.of(family), port)?;
            let seen = seen_by(&client, servers.0[0].address)?;
            ensure!(seen.port() % 2 == port % 2, "{port} is seen as {seen}");
        }
        Ok(())
    })
}

/// Ports are not guessable: they are not the container's own, nor one after the other.
#[test]
fn ports_are_random() -> Result<()> {
    let site = Site::new(Stack::Netfwd)?;
    let servers = Servers::start(&site, Family::V4)?;
    let ports: Vec<i32> = (5_000..5_050)
        .map(|port| {
            let client = socket(&site.c1.ns, site.c1.at.v4.into(), port)?;
            Ok(seen_by(&client, servers.0[0].address)?.port().into())
        })
        .collect::<Result<_>>()?;
    let near = ports.windows(2).filter(|two| (two[1] - two[0]).abs() < 16);
    let near = near.count();
    ensure!(
        near < 10,
        "{near} of 50 are beside the one before: {ports:?}"
    );
    Ok(())
}

/// When the pool is short, one l4 port serves flows to different servers.
#[test]
fn ports_are_used_again_for_other_servers() -> Result<()> {
    let plan = Plan::netfwd_alone().head("[nat]\nports = [40000, 40007]\n");
    let site = plan.start()?;
    over_both(|family| {
        let servers = Servers::start(&site, family)?;
        let mut clients = Vec::new();
        for (number, server) in (0..).zip(&servers.0) {
            for port in 0..6 {
                let port = 5_000 + 10 * number + port;
                let client = socket(&site.c1.ns, site.c1.at.of(family), port)?;
                let seen = seen_by(&client, server.address)?;
                ensure!((40_000..=40_007).contains(&seen.port()), "{seen}");
                clients.push(client);
            }
        }
        Ok(())
    })
}

/// When it is exhausted, what is new is refused and what is established goes on.
#[test]
fn an_exhausted_pool_keeps_who_is_there() -> Result<()> {
    let plan = Plan::netfwd_alone().head("[nat]\nports = [40000, 40007]\n");
    let mut site = plan.start()?;
    let server = WhoAmI::start(&site.outside, OUTSIDE.v4, PORT)?;
    let clients: Vec<UdpSocket> = (5_000..5_012)
        .map(|port| udp_socket(&site.c1.ns, server.address, port))
        .collect::<Result<_>>()?;
    let answered = clients.iter().filter(|client| {
        client
            .set_read_timeout(Some(Duration::from_millis(200)))
            .is_ok()
            && seen_by(client, server.address).is_ok()
    });
    let lucky: Vec<&UdpSocket> = answered.collect();
    ensure!(
        lucky.len() == 8,
        "{} of 12 are served by 8 ports",
        lucky.len()
    );
    for client in lucky {
        seen_by(client, server.address)?;
    }
    let drops = site.netfwd()?.cli("-j stats")?;
    ensure!(drops.stdout.contains("nat-ports"), "{drops}");
    Ok(())
}

/// A port that a socket of the host has is not used for others.
#[test]
fn never_the_hosts_own() -> Result<()> {
    let plan = Plan::netfwd_alone().head("[nat]\nports = [40000, 40007]\n");
    let site = plan.start()?;
    over_both(|family| {
        let any = match family {
            Family::V4 => "0.0.0.0".parse::<IpAddr>()?,
            Family::V6 => "::".parse()?,
        };
        let own = [
            socket(&site.host, any, 40_001)?,
            socket(&site.host, HOST.of(family), 40_004)?,
        ];
        let server = WhoAmI::start(&site.outside, OUTSIDE.of(family), PORT)?;
        for port in 5_000..5_006 {
            let client = socket(&site.c1.ns, site.c1.at.of(family), port)?;
            let seen = seen_by(&client, server.address)?.port();
            ensure!(seen != 40_001 && seen != 40_004, "{seen} is the host's");
        }
        drop(own);
        Ok(())
    })
}
