//! Default routes, for the ends of pairs in containers.

use std::future::ready;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures::TryStreamExt;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol,
};
use rtnetlink::RouteMessageBuilder;

use super::{LinkError, Links, ORIGIN, Tried, change::absent_is_fine};

/// A default route through an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultRoute {
    /// The gateway.
    pub via: IpAddr,
    /// netfwd set it; others are a router advertisement's, a DHCP client's or somebody's by hand.
    pub ours: bool,
}

impl Links {
    /// The default routes through an interface.
    pub async fn default_routes(&self, index: u32) -> Result<Vec<DefaultRoute>, LinkError> {
        let families = [
            RouteMessageBuilder::<Ipv4Addr>::new().build(),
            RouteMessageBuilder::<Ipv6Addr>::new().build(),
        ];
        let mut found = Vec::new();
        for family in families {
            let routes = self.handle.route().get(family).execute();
            // A container may have any number of other routes, which are not kept.
            let ours = routes.try_filter_map(|route| ready(Ok(through(&route, index))));
            let list: Vec<DefaultRoute> = ours
                .try_collect()
                .await
                .tried(|| "list the routes".into())?;
            found.extend(list);
        }
        Ok(found)
    }

    /// Sets the default route of `via`'s family, and marks it as set by netfwd.
    pub async fn set_default_route(&self, index: u32, via: IpAddr) -> Result<(), LinkError> {
        let request = self.handle.route().add(default_route(index, via));
        let done = request.replace().execute().await;
        done.tried(|| format!("set the default route via {via}"))
    }

    /// Removes the default route through `via` that netfwd set; none is no error. The kernel compares
    /// the protocol where one is given, so that nobody else's goes.
    pub async fn delete_default_route(&self, index: u32, via: IpAddr) -> Result<(), LinkError> {
        let request = self.handle.route().del(default_route(index, via));
        let done = request.execute().await;
        absent_is_fine(done.tried(|| format!("remove the default route via {via}")))
    }
}

fn default_route(index: u32, via: IpAddr) -> RouteMessage {
    let protocol = RouteProtocol::from(ORIGIN);
    match via {
        IpAddr::V4(via) => RouteMessageBuilder::<Ipv4Addr>::new()
            .gateway(via)
            .output_interface(index)
            .protocol(protocol)
            .build(),
        IpAddr::V6(via) => RouteMessageBuilder::<Ipv6Addr>::new()
            .gateway(via)
            .output_interface(index)
            .protocol(protocol)
            .build(),
    }
}

fn through(route: &RouteMessage, index: u32) -> Option<DefaultRoute> {
    let main = u32::from(RouteHeader::RT_TABLE_MAIN);
    let mut table = u32::from(route.header.table);
    let (mut via, mut out) = (None, None);
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Gateway(RouteAddress::Inet(ip)) => via = Some(IpAddr::V4(*ip)),
            RouteAttribute::Gateway(RouteAddress::Inet6(ip)) => via = Some(IpAddr::V6(*ip)),
            RouteAttribute::Oif(oif) => out = Some(*oif),
            RouteAttribute::Table(long) => table = *long,
            _ => {}
        }
    }
    let here = route.header.destination_prefix_length == 0 && table == main && out == Some(index);
    let ours = u8::from(route.header.protocol) == ORIGIN;
    via.filter(|_| here).map(|via| DefaultRoute { via, ours })
}
