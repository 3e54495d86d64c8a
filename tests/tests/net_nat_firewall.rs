//! NAT goes past the host's own firewall and forwarding: neither does what other tools set there break it,
//! nor need they be set.

use anyhow::{Result, ensure};
use tests::{
    behaviour::nat::{errors, incoming, outgoing},
    netns::Namespace,
    site::{Plan, Site},
    topology::Stack,
};

/// As Docker leaves the host's tables.
const FORWARD_DROPS: &str = "\
table inet filter {
    chain forward {
        type filter hook forward priority filter; policy drop;
    }
}";

fn plan() -> Result<Plan> {
    Ok(incoming::plan(Stack::Netfwd)?.publish_both(8081, 81))
}

fn all_works(site: &Site) -> Result<()> {
    outgoing::echo(site)?;
    outgoing::tcp_and_udp(site)?;
    outgoing::large_datagrams(site)?;
    incoming::clients_are_seen(site)?;
    errors::udp_refused(site)?;
    errors::published_and_refused(site)
}

/// An error unless the kernel forwards nothing by itself between a host's interfaces.
fn forwards_nothing(host: &Namespace) -> Result<()> {
    let said = host.run("sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding")?;
    ensure!(said.stdout == "0\n0\n", "{said}");
    Ok(())
}

#[test]
fn without_forwarding() -> Result<()> {
    let site = plan()?.start()?;
    forwards_nothing(&site.host)?;
    all_works(&site)?;
    forwards_nothing(&site.host)
}

#[test]
fn with_a_forward_policy_of_drop() -> Result<()> {
    let site = plan()?.start()?;
    site.host.nft(FORWARD_DROPS)?;
    all_works(&site)
}

#[test]
fn after_a_foreign_flush() -> Result<()> {
    let site = plan()?.start()?;
    all_works(&site)?;
    site.host.nft("flush ruleset")?;
    all_works(&site)
}

/// With forwarding on, and the firewall off, it is the same: what the programs handle does not pass there.
#[test]
fn with_forwarding() -> Result<()> {
    let site = plan()?.start()?;
    site.host.sysctl("net/ipv4/ip_forward", "1")?;
    site.host.sysctl("net/ipv6/conf/all/forwarding", "1")?;
    all_works(&site)
}
