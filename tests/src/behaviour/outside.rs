//! A port towards the outside network: containers have addresses of their own there, as with macvlan,
//! and the host keeps its.

use std::net::Ipv4Addr;

use anyhow::Result;

use crate::{
    netns::Namespace,
    switch::{Layout, Make, PortOption, Switch},
    traffic::{Ping, ping, tcp_bulk},
};

const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 99, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 99, 100);

/// Who stands behind the ports: containers behind 1 and 2, the outside's server behind 3.
struct Place {
    switch: Switch,
    c1: Namespace,
    c2: Namespace,
    server: Namespace,
}

const C1: Ipv4Addr = Ipv4Addr::new(192, 168, 99, 11);
const C2: Ipv4Addr = Ipv4Addr::new(192, 168, 99, 12);

fn place(layout: Layout) -> Result<Place> {
    let switch = layout.port(3, PortOption::Outside).start(Make::Netfwd)?;
    switch.host.ip(&format!("addr add {HOST}/24 dev p3"))?;
    Ok(Place {
        c1: switch.part(1, C1)?,
        c2: switch.part(2, C2)?,
        server: switch.part(3, SERVER)?,
        switch,
    })
}

/// Containers and the outside reach each other, and so do the host and the outside, by ping and TCP.
pub fn own_addresses() -> Result<()> {
    let place = place(Layout::ports(3))?;
    for container in [&place.c1, &place.c2, &place.switch.host] {
        ping(container, SERVER, Ping::count(5))?.complete()?;
    }
    for address in [C1, C2, HOST] {
        ping(&place.server, address, Ping::count(5))?.complete()?;
    }
    ping(&place.c1, C2, Ping::count(5))?.complete()?;
    tcp_bulk(&place.server, SERVER, &place.c1, 20_000_000)?;
    tcp_bulk(&place.c2, C2, &place.server, 20_000_000)?;
    tcp_bulk(&place.server, SERVER, &place.switch.host, 20_000_000)?;
    Ok(())
}

/// As macvlan's mode "private": isolated containers reach the outside and not each other.
pub fn private() -> Result<()> {
    let isolated = [1, 2].into_iter().fold(Layout::ports(3), |layout, port| {
        layout.port(port, PortOption::Isolated)
    });
    let place = place(isolated)?;
    for container in [&place.c1, &place.c2] {
        ping(container, SERVER, Ping::count(3))?.complete()?;
    }
    ping(&place.c1, C2, Ping::count(3))?.none()?;
    Ok(())
}
