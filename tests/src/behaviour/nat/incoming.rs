//! The outside reaches containers by published ports.

use std::net::UdpSocket;

use anyhow::{Result, ensure};

use super::{learn_the_way_to_far, seen_as, seen_as_the_host};
use crate::{
    site::{FAR, HOST, OUTSIDE, Plan, Site, over_both},
    topology::Stack,
    traffic::{WhoAmI, ask_tcp, exchange_by},
};

/// Publishes a container's l4 port for TCP and UDP, over both families.
pub fn plan(stack: Stack) -> Result<Plan> {
    Ok(Plan::on(stack).publish_both(8080, 80))
}

/// The container sees its clients' own addresses, and they get answers from where they asked.
pub fn clients_are_seen(site: &Site) -> Result<()> {
    over_both(|family| {
        let _server = WhoAmI::start(&site.c1.ns, site.c1.at.of(family), 80)?;
        for (client, address) in [(&site.outside, OUTSIDE), (&site.far, FAR)] {
            let listener = (HOST.of(family), 8080).into();
            for _ in 0..3 {
                seen_as(client, listener, address.of(family))?;
            }
        }
        Ok(())
    })
}

/// Requests and answers that are larger than any link arrive in fragments.
pub fn large_datagrams(site: &Site) -> Result<()> {
    over_both(|family| {
        learn_the_way_to_far(site, family)?;
        let at = (site.c1.at.of(family), 80);
        let serving = site.c1.ns.within(|| UdpSocket::bind(at))?;
        let listener = (HOST.of(family), 8080).into();
        for client in [&site.outside, &site.far] {
            for octets in [1_600, 20_000] {
                exchange_by(client, listener, &serving, octets)?;
            }
        }
        Ok(())
    })
}

/// A port that is not published is the host's own.
pub fn other_ports_are_the_hosts(site: &Site) -> Result<()> {
    over_both(|family| {
        let host = HOST.of(family);
        ensure!(ask_tcp(&site.outside, (host, 8083)).is_err());
        let service = WhoAmI::start(&site.host, host, 8082)?;
        seen_as(&site.outside, service.address, OUTSIDE.of(family))
    })
}

/// The container behind a published port still reaches the outside by masquerade.
pub fn its_container_goes_out(site: &Site) -> Result<()> {
    over_both(|family| seen_as_the_host(site, &site.c1.ns, family))
}
