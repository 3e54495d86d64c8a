//! Multicast groups that an interface has joined by way of an address: the join needs no process to
//! live, and the kernel tells switches and routers of it by IGMP or MLD.

use std::net::{IpAddr, Ipv6Addr};

use futures::TryStreamExt;
use netlink_packet_route::{
    AddressFamily,
    address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope},
    route::{RouteMessage, RouteProtocol, RouteType},
};
use nix::errno::Errno;
use rtnetlink::RouteMessageBuilder;

use super::{LinkError, Links, Tried, change::absent_is_fine, interface};

impl Links {
    /// Joins a group on an interface; that it has joined already is no error. One that was down has lost the
    /// address and its routes, and is still a member, which cannot be had twice.
    pub async fn join_group(&self, index: u32, group: IpAddr) -> Result<(), LinkError> {
        let mut request = self.handle.address().add(index, group, 0);
        *request.message_mut() = address(index, group);
        let done = request.replace().execute().await;
        let done = done.tried(|| format!("join group {group} on {}", interface(index)));
        let is_member = |error: &LinkError| error.errno() == Some(Errno::EADDRINUSE);
        match done {
            Err(error) if group.is_ipv6() && is_member(&error) => {}
            done => done.map_err(|error| explained(error, group))?,
        }
        match group {
            IpAddr::V4(_) => Ok(()),
            IpAddr::V6(group) => self.send_out(index, group).await,
        }
    }

    /// Leaves a group; one that was not joined is no error.
    pub async fn leave_group(&self, index: u32, group: IpAddr) -> Result<(), LinkError> {
        if let IpAddr::V6(group) = group {
            let route = route(index, group, RouteType::Multicast);
            let done = self.handle.route().del(route).execute().await;
            absent_is_fine(done.tried(|| format!("remove the route to group {group}")))?;
        }
        let message = address(index, group);
        let done = self.handle.address().del(message).execute().await;
        absent_is_fine(done.tried(|| format!("leave group {group} on {}", interface(index))))
    }

    /// With an IPv6 address comes a local route to it, by which what is sent to the group stays on this
    /// host (net/ipv6/route.c, `ip6_rt_get_dev_rcu`); a multicast route takes its place. It also says by
    /// which interface, where only the first one that came up would be taken.
    async fn send_out(&self, index: u32, group: Ipv6Addr) -> Result<(), LinkError> {
        let local = route(index, group, RouteType::Local);
        let done = self.handle.route().del(local).execute().await;
        absent_is_fine(done.tried(|| format!("remove the local route to group {group}")))?;
        let request = self.handle.route();
        let request = request.add(route(index, group, RouteType::Multicast));
        let done = request.replace().execute().await;
        done.tried(|| format!("set the route to group {group}"))
    }

    /// Whether what is sent to a group leaves the host. IPv4 needs no route for that: the source says
    /// by which interface (net/ipv4/route.c, `ip_route_output_key_hash_rcu`).
    pub(super) async fn leaves_host(&self, group: IpAddr) -> Result<bool, LinkError> {
        let IpAddr::V6(group) = group else {
            return Ok(true);
        };
        let query = RouteMessageBuilder::<Ipv6Addr>::new().destination_prefix(group, 128);
        let routes = self.handle.route().get(query.build()).execute();
        let routes: Result<Vec<RouteMessage>, LinkError> = routes
            .try_collect()
            .await
            .tried(|| format!("look up the route to group {group}"));
        match routes {
            Ok(routes) => Ok(routes.iter().all(|r| r.header.kind == RouteType::Multicast)),
            Err(error) if error.errno() == Some(Errno::ENETUNREACH) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A group as an address that the kernel joins by. It is of the host's scope, so that it is no source of
/// what the host sends (net/ipv4/devinet.c, `inet_select_addr`), and nobody is asked whether he has it.
fn address(index: u32, group: IpAddr) -> AddressMessage {
    let mut message = AddressMessage::default();
    let header = &mut message.header;
    (header.family, header.prefix_len) = match group {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    };
    header.scope = AddressScope::Host;
    header.index = index;
    message.attributes = vec![
        AddressAttribute::Local(group),
        AddressAttribute::Address(group),
        AddressAttribute::Flags(AddressFlags::Mcautojoin | AddressFlags::Nodad),
    ];
    message
}

fn route(index: u32, group: Ipv6Addr, kind: RouteType) -> RouteMessage {
    RouteMessageBuilder::<Ipv6Addr>::new()
        .destination_prefix(group, 128)
        .output_interface(index)
        .table_id(u32::from(nix::libc::RT_TABLE_LOCAL))
        .kind(kind)
        .protocol(RouteProtocol::Unspec)
        .build()
}

/// The kernel joins on one socket, which takes 20 IPv4 groups unless told otherwise (net/ipv4/igmp.c,
/// `__ip_mc_join_group`).
fn explained(error: LinkError, group: IpAddr) -> LinkError {
    if error.errno() != Some(Errno::ENOBUFS) || group.is_ipv6() {
        return error;
    }
    error.helped_by(
        "this network namespace has as many as net.ipv4.igmp_max_memberships says; raise that, or have networks share groups",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::Link;
    use crate::links::tests::{end, named, proc_net};
    use crate::sandbox::in_new_netns;

    #[test]
    fn a_group_is_joined_and_left_as_an_address() {
        in_new_netns(|links| async move {
            links
                .add_veth(&end("up0"), &end("wire"), None)
                .await
                .expect("a pair");
            let index = named(&links, "up0").await.index;
            links.set_up(index, true).await.expect("up");
            let (v4, v6) = ("239.1.1.1".parse(), "ff05::100".parse());
            let (v4, v6): (IpAddr, IpAddr) = (v4.expect("a group"), v6.expect("a group"));
            for group in [v4, v6, v4, v6] {
                links.join_group(index, group).await.expect("joined");
            }
            // The kernel writes the one in host order, the other as octets.
            let members = || {
                let v6 = "ff050000000000000000000000000100";
                (
                    proc_net("igmp").contains("010101EF"),
                    proc_net("igmp6").contains(v6),
                )
            };
            assert_eq!(members(), (true, true));
            let has = |link: &Link, group| {
                let mut addresses = link.addresses.iter();
                addresses.any(|a| a.net.addr() == group && a.usable)
            };
            let up = named(&links, "up0").await;
            assert!(has(&up, v4) && has(&up, v6));
            assert_eq!(up.first_global(IpAddr::is_ipv4), None);
            for group in [v4, v6, v4, v6] {
                links.leave_group(index, group).await.expect("left");
            }
            assert_eq!(members(), (false, false));
        });
    }

    #[test]
    fn more_groups_than_the_kernel_takes_say_what_to_raise() {
        in_new_netns(|links| async move {
            let mut failed = None;
            for last in 1..=21 {
                assert!(failed.is_none(), "{failed:?} before the 21st");
                let group = IpAddr::from([239, 1, 1, last]);
                failed = links.join_group(1, group).await.err();
            }
            let error = failed.expect("the 21st is one too many").to_string();
            assert!(
                error.contains("net.ipv4.igmp_max_memberships says; raise that"),
                "{error}"
            );
        });
    }
}
