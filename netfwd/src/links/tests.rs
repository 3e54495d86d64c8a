//! Live tests, each in a network namespace of its own thread; without root they are skipped.

use std::{net::IpAddr, time::Duration};

use futures::StreamExt;

use super::{sysctl, veth::VethEnd, *};
use crate::config::TapKind;
use crate::observed::Sysctl;
use crate::sandbox::{in_new_netns, other_netns};

pub(super) fn end(name: &str) -> VethEnd {
    VethEnd {
        name: name.into(),
        mac: None,
        mtu: 1450,
    }
}

pub(super) async fn named(links: &Links, name: &str) -> Link {
    let list = links.list().await.expect("a list");
    let found = list.into_iter().find(|link| link.name == name);
    found.unwrap_or_else(|| panic!("{name} is there"))
}

impl Links {
    /// Gives an interface, which must be down, another name.
    pub(crate) async fn rename(&self, index: u32, name: &str) {
        let link = rtnetlink::LinkUnspec::new_with_index(index).name(name.to_owned());
        let done = self.handle.link().change(link.build()).execute().await;
        done.expect("renamed");
    }
}

#[test]
fn a_pair_is_made_marked_changed_and_deleted() {
    in_new_netns(|links| async move {
        let mac = [2, 0, 0, 0, 0, 7];
        let near = VethEnd {
            mac: Some(mac),
            ..end("gw0")
        };
        links
            .add_veth(&near, &end("nfg1"), None)
            .await
            .expect("a pair");
        let gw = named(&links, "gw0").await;
        assert_eq!((gw.mac, gw.mtu, gw.up), (Some(mac), 1450, false));
        assert_eq!(gw.kind, "veth");
        assert!(gw.is_made_by("test") && !gw.peer_elsewhere);
        assert!(named(&links, "nfg1").await.is_made_by("test"));

        links.set_mtu(gw.index, 1400).await.expect("MTU");
        links
            .set_mac(gw.index, [2, 0, 0, 0, 0, 8])
            .await
            .expect("MAC");
        links.set_up(gw.index, true).await.expect("up");
        let net = "10.0.3.1/24".parse().expect("a net");
        links.add_address(gw.index, net).await.expect("an address");
        links
            .add_address(gw.index, net)
            .await
            .expect("twice is once");
        let gw = named(&links, "gw0").await;
        assert_eq!((gw.mtu, gw.up), (1400, true));
        assert_eq!(gw.mac, Some([2, 0, 0, 0, 0, 8]));
        assert_eq!(gw.first_global(IpAddr::is_ipv4), Some(net.addr()));

        links.delete_address(gw.index, net).await.expect("removed");
        links
            .delete_address(gw.index, net)
            .await
            .expect("absent is fine");
        links.delete(gw.index).await.expect("deleted");
        links.delete(gw.index).await.expect("absent is fine");
        assert!(links.find("gw0").await.expect("a look").is_none());
        assert!(links.find("nfg1").await.expect("a look").is_none());
    });
}

#[test]
fn a_pair_reaches_into_another_namespace() {
    in_new_netns(|links| async move {
        let other = other_netns();
        let far = end("eth0");
        links
            .add_veth(&end("nfp1"), &far, Some(&other))
            .await
            .expect("a pair");
        assert!(named(&links, "nfp1").await.peer_elsewhere);
        let inside = other.run(|links| async move {
            let eth0 = named(&links, "eth0").await;
            links.set_up(eth0.index, true).await?;
            links
                .add_address(eth0.index, "10.0.3.20/24".parse().expect("a net"))
                .await?;
            let via = IpAddr::from([10, 0, 3, 1]);
            links.set_default_route(eth0.index, via).await?;
            ethtool::set_gro("eth0", true)?;
            let routes = links.default_routes(eth0.index).await?;
            Ok((
                routes,
                ethtool::gro("eth0")?,
                named(&links, "eth0").await.mtu,
            ))
        });
        let (routes, gro, mtu) = inside.await.expect("the inside works");
        let via = IpAddr::from([10, 0, 3, 1]);
        assert_eq!(routes, [route::DefaultRoute { via, ours: true }]);
        assert!(gro);
        assert_eq!(mtu, 1450);
    });
}

#[test]
fn the_companion_takes_its_parameters_from_packets() {
    in_new_netns(|links| async move {
        let index = links
            .add_companion("nfvx0", 4789, (50_000, 60_000))
            .await
            .expect("a device");
        links.set_mtu(index, 65485).await.expect("the largest MTU");
        links.set_no_ipv6_address(index).await.expect("no address");
        links.set_up(index, true).await.expect("up");
        let device = named(&links, "nfvx0").await;
        let vxlan = device.vxlan.expect("a VXLAN device");
        assert_eq!((vxlan.port, vxlan.external), (4789, true));
        assert!(vxlan.zero_checksum);
        assert_eq!(vxlan.source_ports, (50_000, 60_000));
        assert_eq!(device.mtu, 65485);
        assert!(device.is_made_by("test"));
        assert!(device.addresses.is_empty());
        assert!(
            links
                .add_companion("nfvx0", 4789, (50_000, 60_000))
                .await
                .is_err()
        );
    });
}

/// A file of the namespace's, under /proc/net.
pub(super) fn proc_net(file: &str) -> String {
    std::fs::read_to_string(format!("/proc/thread-self/net/{file}")).expect(file)
}

#[test]
fn the_companion_listens_on_both_families_without_an_address_of_its_own() {
    in_new_netns(|links| async move {
        let index = links
            .add_companion("nfvx0", 4789, (50_000, 60_000))
            .await
            .expect("a device");
        for which in [Sysctl::Forwarding, Sysctl::Forwarding6, Sysctl::DisableIpv6] {
            sysctl::write(which, "nfvx0", 1).expect("a setting");
            assert_eq!(sysctl::read(which, "nfvx0").as_deref(), Some("1"));
        }
        links.set_up(index, true).await.expect("up");
        let port = format!(":{:04X} ", 4789);
        assert!(proc_net("udp").contains(&port) && proc_net("udp6").contains(&port));
    });
}

#[test]
fn a_tap_stays_without_anybody_having_it_open() {
    in_new_netns(|links| async move {
        let index = links
            .create_tap("vm1", true, true, Some(1000))
            .await
            .expect("a tap");
        links.set_up(index, true).await.expect("up");
        let tap = named(&links, "vm1").await;
        assert_eq!((tap.index, tap.kind.as_str(), tap.up), (index, "tun", true));
        assert!(tap.is_made_by("test") && !tap.carrier);
        let kind = TapKind {
            multi_queue: true,
            vnet_header: true,
            owner: Some(1000),
        };
        assert_eq!(tap.tap, Some(kind));
        assert_eq!(ethtool::driver("vm1").expect("a driver"), "tun");
        assert!(links.create_tap("vm1", true, true, None).await.is_err());
        links.delete(index).await.expect("deleted");
        links
            .create_tap("vm1", false, false, None)
            .await
            .expect("the name is free again");
    });
}

#[test]
fn promiscuous_mode_is_switched_and_seen() {
    in_new_netns(|links| async move {
        links
            .add_veth(&end("eth0"), &end("far"), None)
            .await
            .expect("a pair");
        for on in [true, false] {
            let index = named(&links, "eth0").await.index;
            links.set_promiscuous(index, on).await.expect("switched");
            assert_eq!(named(&links, "eth0").await.promiscuous, on);
        }
    });
}

#[test]
fn neighbours_are_kept_by_the_kernel_or_permanent() {
    in_new_netns(|links| async move {
        links
            .add_veth(&end("gw0"), &end("nfg1"), None)
            .await
            .expect("a pair");
        let gw = named(&links, "gw0").await;
        links.set_up(gw.index, true).await.expect("up");
        let (kept, fixed) = (IpAddr::from([10, 0, 3, 2]), IpAddr::from([10, 0, 3, 3]));
        links
            .set_managed_neighbour(gw.index, kept)
            .await
            .expect("managed");
        let mac = [2, 0, 0, 0, 0, 3];
        links
            .set_permanent_neighbour(gw.index, fixed, mac)
            .await
            .expect("permanent");
        let list = links.neighbours().await.expect("a list");
        let of = |ip| list.iter().find(|n| n.address == ip).expect("it is there");
        assert!(of(kept).managed && !of(kept).permanent);
        assert!(of(fixed).permanent);
        assert_eq!(of(fixed).mac, Some(mac));
        links
            .delete_neighbour(gw.index, kept)
            .await
            .expect("removed");
        links
            .delete_neighbour(gw.index, fixed)
            .await
            .expect("removed");
        links
            .delete_neighbour(gw.index, fixed)
            .await
            .expect("absent is fine");
        assert!(
            links
                .neighbours()
                .await
                .expect("a list")
                .iter()
                .all(|n| n.address != kept)
        );
    });
}

#[test]
fn switches_follow_the_namespace() {
    in_new_netns(|links| async move {
        links
            .add_veth(&end("gw0"), &end("nfg1"), None)
            .await
            .expect("a pair");
        sysctl::write(Sysctl::Forwarding, "gw0", 1).expect("written");
        let value = sysctl::read(Sysctl::Forwarding, "gw0");
        assert_eq!(value.as_deref(), Some("1"));
        sysctl::write(Sysctl::DisableIpv6, "gw0", 1).expect("off");
        assert_eq!(ethtool::driver("gw0").expect("a driver"), "veth");
    });
}

#[test]
fn a_change_makes_a_tick() {
    in_new_netns(|links| async move {
        let mut ticks = Links::watch().expect("a watch");
        links
            .add_veth(&end("gw0"), &end("nfg1"), None)
            .await
            .expect("a pair");
        let tick = tokio::time::timeout(Duration::from_secs(2), ticks.next()).await;
        assert_eq!(tick.expect("in time"), Some(()));
    });
}
