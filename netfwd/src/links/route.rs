//! Default routes, for the ends of pairs in containers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures::TryStreamExt;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage};
use rtnetlink::RouteMessageBuilder;

use super::{LinkError, Links, Tried};

impl Links {
    /// The gateways of the default routes through an interface.
    pub async fn default_routes(&self, index: u32) -> Result<Vec<IpAddr>, LinkError> {
        let families = [
            RouteMessageBuilder::<Ipv4Addr>::new().build(),
            RouteMessageBuilder::<Ipv6Addr>::new().build(),
        ];
        let mut gateways = Vec::new();
        for family in families {
            let routes: Vec<RouteMessage> = self
                .handle
                .route()
                .get(family)
                .execute()
                .try_collect()
                .await
                .tried(|| "list the routes".into())?;
            gateways.extend(routes.iter().filter_map(|route| gateway(route, index)));
        }
        Ok(gateways)
    }

    /// Sets the default route of `via`'s family.
    pub async fn set_default_route(&self, index: u32, via: IpAddr) -> Result<(), LinkError> {
        let request = self.handle.route().add(default_route(index, via));
        let done = request.replace().execute().await;
        done.tried(|| format!("set the default route via {via}"))
    }

    /// Removes the default route through `via`.
    pub async fn delete_default_route(&self, index: u32, via: IpAddr) -> Result<(), LinkError> {
        let request = self.handle.route().del(default_route(index, via));
        let done = request.execute().await;
        done.tried(|| format!("remove the default route via {via}"))
    }
}

fn default_route(index: u32, via: IpAddr) -> RouteMessage {
    match via {
        IpAddr::V4(via) => RouteMessageBuilder::<Ipv4Addr>::new()
            .gateway(via)
            .output_interface(index)
            .build(),
        IpAddr::V6(via) => RouteMessageBuilder::<Ipv6Addr>::new()
            .gateway(via)
            .output_interface(index)
            .build(),
    }
}

fn gateway(route: &RouteMessage, index: u32) -> Option<IpAddr> {
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
    let ours = route.header.destination_prefix_length == 0 && table == main && out == Some(index);
    via.filter(|_| ours)
}
