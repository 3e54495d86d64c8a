//! Containers reach the outside with their host's address.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use anyhow::{Result, ensure};

use super::{PORT, learn_the_way_to_far, seen_as_the_host, server};
use crate::{
    netns::Namespace,
    site::{FAR, GATEWAY, HOST, OUTSIDE, Plan, Site, over_both},
    topology::Stack,
    traffic::{Ping, WhoAmI, ask_udp, exchange, ping, tcp_bulk, udp_socket, whoami},
};

/// The usual site.
pub fn plan(stack: Stack) -> Result<Plan> {
    Ok(Plan::on(stack))
}

/// Echoes come back, from a neighbour and from what is farther.
pub fn echo(site: &Site) -> Result<()> {
    over_both(|family| {
        for client in [&site.c1, &site.c2] {
            for server in [OUTSIDE, FAR] {
                ping(&client.ns, server.of(family), Ping::count(5))?.complete()?;
            }
        }
        Ok(())
    })
}

/// A server sees the host's address, by TCP and by UDP.
pub fn tcp_and_udp(site: &Site) -> Result<()> {
    over_both(|family| {
        seen_as_the_host(site, &site.c1.ns, family)?;
        seen_as_the_host(site, &site.c2.ns, family)
    })
}

/// What stays on the network is not translated, nor what goes to the gateway: the story of a bridge whose
/// subnet is masqueraded to everything but itself.
pub fn not_to_itself(site: &Site) -> Result<()> {
    over_both(|family| {
        let client = site.c1.at.of(family);
        let neighbour = WhoAmI::start(&site.c2.ns, site.c2.at.of(family), PORT)?;
        super::seen_as(&site.c1.ns, neighbour.address, client)?;
        let gateway = WhoAmI::start(&site.host, GATEWAY.of(family), PORT)?;
        super::seen_as(&site.c1.ns, gateway.address, client)
    })
}

/// Flows of two containers from one l4 port to one server are told apart.
pub fn same_port_of_two_containers(site: &Site) -> Result<()> {
    over_both(|family| {
        let server = server(site, family)?;
        let mut seen = BTreeSet::new();
        let sockets = [&site.c1, &site.c2].map(|from| udp_socket(&from.ns, server.address, 40_000));
        for socket in sockets {
            seen.insert(whoami(&socket?)?);
        }
        ensure!(seen.len() == 2, "both are seen as {seen:?}");
        Ok(())
    })
}

/// Many flows at once all work, each by an l4 port of its own.
pub fn many_flows(site: &Site) -> Result<()> {
    over_both(|family| {
        let server = server(site, family)?;
        let seen: BTreeSet<SocketAddr> = (0..200)
            .map(|_| ask_udp(&site.c1.ns, server.address))
            .collect::<Result<_>>()?;
        ensure!(seen.iter().all(|seen| seen.ip() == HOST.of(family)));
        ensure!(seen.len() > 190, "{} ports for 200 flows", seen.len());
        Ok(())
    })
}

/// TCP bulk arrives whole.
pub fn bulk(site: &Site) -> Result<()> {
    over_both(|family| {
        let address = OUTSIDE.of(family);
        let done = tcp_bulk(&site.outside, address, &site.c1.ns, 50_000_000)?;
        ensure!(done.client.ip() == HOST.of(family));
        Ok(())
    })
}

/// Datagrams that are larger than any link arrive in fragments, and so do the answers.
pub fn large_datagrams(site: &Site) -> Result<()> {
    over_both(|family| {
        learn_the_way_to_far(site, family)?;
        for (server, address) in [(&site.outside, OUTSIDE), (&site.far, FAR)] {
            let address = address.of(family);
            for octets in [1_600, 8_000, 60_000] {
                let seen = exchange(&site.c1.ns, server, address, octets)?;
                ensure!(seen.ip() == HOST.of(family), "{seen} is seen");
            }
        }
        Ok(())
    })
}

/// Two containers send datagrams in fragments at once; each gets its own back.
pub fn large_datagrams_of_two(site: &Site) -> Result<()> {
    over_both(|family| {
        let address = OUTSIDE.of(family);
        let one = |client: &Namespace| exchange(client, &site.outside, address, 20_000);
        let both = std::thread::scope(|scope| {
            let other = scope.spawn(|| one(&site.c2.ns));
            (one(&site.c1.ns), other.join().expect("it does not panic"))
        });
        ensure!(both.0? != both.1?, "both are seen alike");
        Ok(())
    })
}

/// The outside cannot reach a container by the container's own address, even with a route to it. A host that
/// forwards, such as the twin, is a router for whoever has one.
pub fn no_way_in(site: &Site) -> Result<()> {
    let (v4, v6) = (HOST.v4, HOST.v6);
    site.outside.ip(&format!(
        "route add 10.0.3.0/24 via {v4}\nroute add fd00:3::/64 via {v6}"
    ))?;
    over_both(|family| {
        let server = WhoAmI::start(&site.c1.ns, site.c1.at.of(family), PORT)?;
        let socket = udp_socket(&site.outside, server.address, 0)?;
        socket.set_read_timeout(Some(Duration::from_millis(500)))?;
        ensure!(whoami(&socket).is_err(), "the container answers");
        Ok(())
    })
}
