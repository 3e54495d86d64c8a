//! What NAT must do, as functions of a running [`Site`](crate::site::Site): each runs on netfwd and on
//! the kernel twin. Each module's `plan` is the site that its functions want.

pub mod errors;
pub mod fragments;
pub mod incoming;
pub mod neighbours;
pub mod outgoing;
pub mod paths;

pub mod services;

use std::net::{IpAddr, SocketAddr};

use anyhow::{Result, ensure};

use crate::{
    netns::Namespace,
    site::{FAR, FAR_MTU, Family, HOST, OUTSIDE, Site},
    traffic::{WhoAmI, ask_tcp, ask_udp},
};

/// An l4 port of the server outside.
const PORT: u16 = 7000;

/// The server outside, by the address of a family.
fn server(site: &Site, family: Family) -> Result<WhoAmI> {
    WhoAmI::start(&site.outside, OUTSIDE.of(family), PORT)
}

/// An error unless a server sees a client by this address, whether asked by UDP or by TCP.
pub fn seen_as(client: &Namespace, server: SocketAddr, address: IpAddr) -> Result<()> {
    for (how, seen) in [
        ("UDP", ask_udp(client, server)?),
        ("TCP", ask_tcp(client, server)?),
    ] {
        ensure!(seen.ip() == address, "by {how} {seen} is seen");
    }
    Ok(())
}

/// An error unless the server outside sees a container by the host's address.
fn seen_as_the_host(site: &Site, client: &Namespace, family: Family) -> Result<()> {
    let server = server(site, family)?;
    seen_as(client, server.address, HOST.of(family))
}

/// Has `c1` learn the MTU of its way to `far`: the first packet that does not fit is lost where routers do
/// not fragment.
fn learn_the_way_to_far(site: &Site, family: Family) -> Result<()> {
    let far = FAR.of(family);
    site.c1
        .ns
        .attempt(&format!("ping -n -M do -c 1 -W 1 -s {FAR_MTU} {far}"))?;
    Ok(())
}
