//! Next hops that change their MAC and tell nobody are found again, on netfwd and on the kernel's own stack.

use std::{thread, time::Duration};

use anyhow::Result;
use tests::{
    behaviour::nat::neighbours,
    site::{OUTSIDE, Site},
    topology::{Options, Stack},
    traffic::{WhoAmI, udp_socket, whoami},
};

tests::on_sites!(tests::behaviour::nat::neighbours =>
    outside,
    another_network,
);

/// A container with the address of one that is gone: its own packets say where answers go, whatever the host remembers.
#[test]
fn a_station_is_answered_where_it_was_heard() -> Result<()> {
    let site = Site::new(Stack::Netfwd)?;
    let server = WhoAmI::start(&site.outside, OUTSIDE.v4, 7000)?;
    let socket = udp_socket(&site.c1.ns, server.address, 40_000)?;
    whoami(&socket)?;
    let (mac, c1) = ("02:00:00:00:99:99", site.c1.at.v4);
    site.host.ip(&format!(
        "neigh replace {c1} lladdr {mac} dev lxcbr0 nud stale"
    ))?;
    // Next hops are looked up each second.
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(1100));
        whoami(&socket)?;
    }
    Ok(())
}

#[test]
fn a_peer_of_netfwd() -> Result<()> {
    neighbours::peer(&Options::both(Stack::Netfwd).start()?)
}

#[test]
fn a_peer_of_the_twin() -> Result<()> {
    neighbours::peer(&Options::both(Stack::Kernel).start()?)
}
