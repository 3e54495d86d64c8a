//! Ways through NAT are found out as without it: their hops, and the largest packet that they take.

use std::net::TcpListener;

use anyhow::{Context, Result, ensure};

use crate::{
    netns::Namespace,
    site::{FAR, FAR_MTU, Family, GATEWAY, HOST, OUTSIDE, Pair, Plan, Site, over_both},
    topology::Stack,
    traffic::{download, tcp_bulk},
};

/// Octets of a transfer: some thousand full packets.
const BYTES: u64 = 5_000_000;

/// Publishes an l4 port of a container.
pub fn plan(stack: Stack) -> Result<Plan> {
    Ok(Plan::on(stack).publish_both(8080, 80))
}

/// A ping that must not be fragmented and does not fit farther on is told what does.
pub fn ping_is_told(site: &Site) -> Result<()> {
    over_both(|family| {
        let (far, payload) = (FAR.of(family), 1500 - 8 - header(family));
        let line = format!("ping -n -M do -c 3 -i 0.2 -W 1 -s {payload} {far}");
        let said = site.c1.ns.attempt(&line)?;
        let told = [format!("mtu = {FAR_MTU}"), format!("mtu={FAR_MTU}")];
        ensure!(
            told.iter()
                .any(|words| said.stdout.contains(words) || said.stderr.contains(words)),
            "no MTU in {said}"
        );
        let fits = FAR_MTU - 8 - header(family);
        site.c1
            .ns
            .run(&format!("ping -n -M do -c 2 -i 0.2 -s {fits} {far}"))?;
        Ok(())
    })
}

const fn header(family: Family) -> usize {
    match family {
        Family::V4 => 20,
        Family::V6 => 40,
    }
}

/// TCP out of a container learns the path's MTU, and arrives whole.
pub fn tcp_learns_going_out(site: &Site) -> Result<()> {
    over_both(|family| {
        tcp_bulk(&site.far, FAR.of(family), &site.c1.ns, BYTES)?;
        learned(site, family)
    })
}

/// The same of what a container sends to a client of its published port.
pub fn tcp_learns_from_a_published_port(site: &Site) -> Result<()> {
    over_both(|family| {
        let at = (site.c1.at.of(family), 80);
        let listener = site.c1.ns.within(|| TcpListener::bind(at))?;
        let target = (HOST.of(family), 8080).into();
        download(&listener, &site.far, target, BYTES)?;
        learned(site, family)
    })
}

/// The container knows the MTU of its way to `far`.
fn learned(site: &Site, family: Family) -> Result<()> {
    let line = format!("ip route get {}", FAR.of(family));
    let route = site.c1.ns.run(&line)?.stdout;
    ensure!(route.contains(&format!("mtu {FAR_MTU}")), "{route}");
    Ok(())
}

/// traceroute by UDP sees each hop, the gateway first.
pub fn traceroute_udp(site: &Site) -> Result<()> {
    traceroute(site, "-U -p 33434")
}

/// The same by ICMP echo.
pub fn traceroute_icmp(site: &Site) -> Result<()> {
    traceroute(site, "-I")
}

/// The same by TCP.
pub fn traceroute_tcp(site: &Site) -> Result<()> {
    traceroute(site, "-T -p 7001")
}

/// From outside to a published port: the host is a hop, and the container behind it answers as the host's address.
pub fn traceroute_to_a_published_port(site: &Site) -> Result<()> {
    hops(&site.outside, "-T -p 8080", &[HOST, HOST])
}

fn traceroute(site: &Site, how: &str) -> Result<()> {
    hops(&site.c1.ns, how, &[GATEWAY, OUTSIDE, FAR])
}

/// traceroute to the last of these sees each of them.
pub fn hops(from: &Namespace, how: &str, expected: &[Pair]) -> Result<()> {
    over_both(|family| {
        let expected: Vec<_> = expected
            .iter()
            .map(|hop| hop.of(family).to_string())
            .collect();
        let to = expected.last().context("a last hop")?;
        let said = from.run(&format!("traceroute -n -q 1 -w 2 -m 5 {how} {to}"))?;
        let hops = said.stdout.lines().skip(1);
        let hops: Vec<&str> = hops
            .map(|hop| {
                hop.split_whitespace()
                    .nth(1)
                    .context("a hop has an address")
            })
            .collect::<Result<_>>()?;
        ensure!(hops == expected, "{said}");
        Ok(())
    })
}
