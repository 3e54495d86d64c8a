//! Live tests: a plan applied, and undone.

use std::collections::BTreeSet;
use std::net::IpAddr;

use netfwd_common::maps::Port;

use super::*;
use crate::{
    dataplane::LoadOptions,
    desired::Attach,
    observe,
    observed::{Hook, HookAt, Inner, Program, Sysctl},
    plan::{Entry, PairPeer},
    sandbox::in_new_netns,
};

fn open() -> Dataplane {
    Dataplane::open("test", &LoadOptions::default()).expect("the object loads")
}

fn gateway() -> Vec<Action> {
    let name = || "gw0".to_owned();
    vec![
        Action::CreatePair {
            name: name(),
            mtu: 1450,
            peer: PairPeer::Here("nfg1".into()),
        },
        Action::SetMac {
            name: name(),
            mac: [2, 0, 0, 0, 0, 1],
        },
        Action::SetSysctl {
            name: name(),
            sysctl: Sysctl::Forwarding,
            value: 1,
        },
        Action::AddAddress {
            name: name(),
            address: "10.0.3.1/24".parse().expect("a net"),
        },
        Action::SetUp { name: name() },
        Action::CreateCompanion {
            name: "nfvx0".into(),
            port: 4789,
            source_ports: (49152, 65535),
        },
    ]
}

fn port() -> Action {
    let port = Port {
        network: 1,
        slot: 1,
        flags: netfwd_common::maps::PortFlags::LEARNING,
        ..Port::default()
    };
    Action::Put(Entry::Port(77, port))
}

#[test]
fn what_is_applied_is_observed() {
    in_new_netns(|links| async move {
        let mut dataplane = open();
        apply(&mut dataplane, &links, &gateway())
            .await
            .expect("applied");
        let none = std::collections::BTreeMap::new();
        let seen = observe::observe(&dataplane, &links, &none)
            .await
            .expect("observed");
        let gw = &seen.links["gw0"];
        assert_eq!((gw.mtu, gw.mac, gw.up), (1450, [2, 0, 0, 0, 0, 1], true));
        assert_eq!(gw.sysctls[&Sysctl::Forwarding], 1);
        assert_eq!(gw.addresses.len(), 1);
        assert!(seen.links["nfvx0"].vxlan.is_some_and(|v| v.external));
        let at = HookAt::new("gw0", Hook::Ingress);
        let attach = Action::Attach {
            at: at.clone(),
            ifindex: gw.ifindex,
            attach: Attach::tc(Program::PortIngress),
        };
        apply(&mut dataplane, &links, &[attach, port()])
            .await
            .expect("applied");
        let seen = observe::observe(&dataplane, &links, &none)
            .await
            .expect("observed");
        assert!(seen.hooks[&at].current);
        assert_eq!(seen.maps.ports.len(), 1);
    });
}

#[test]
fn a_failed_plan_leaves_nothing_behind() {
    in_new_netns(|links| async move {
        let mut dataplane = open();
        let mut plan = gateway();
        plan.push(port());
        plan.push(Action::SetMtu {
            name: "absent".into(),
            mtu: 1500,
        });
        let error = apply(&mut dataplane, &links, &plan)
            .await
            .expect_err("it fails");
        assert!(error.to_string().contains("absent"), "{error}");
        let none = std::collections::BTreeMap::new();
        let seen = observe::observe(&dataplane, &links, &none)
            .await
            .expect("observed");
        let names: Vec<&String> = seen.links.keys().collect();
        assert!(
            seen.links.values().all(|link| link.alias.is_none()),
            "{names:?}"
        );
        assert!(seen.maps.ports.is_empty());
    });
}

#[test]
fn groups_are_observed_where_they_are_joined_and_undone_with_the_plan() {
    in_new_netns(|links| async move {
        let mut dataplane = open();
        apply(&mut dataplane, &links, &gateway())
            .await
            .expect("applied");
        let groups: BTreeSet<IpAddr> = ["239.1.1.1", "ff05::100"]
            .map(|group| group.parse().expect("a group"))
            .into();
        let step = |group: &IpAddr| Action::JoinGroup {
            name: "gw0".into(),
            group: *group,
        };
        let mut plan: Vec<Action> = groups.iter().map(step).collect();
        let none = std::collections::BTreeMap::new();
        let joined = async || {
            let seen = observe::links(&links, &none).await.expect("observed");
            let gw = &seen["gw0"];
            assert_eq!(gw.addresses.len(), 1, "a group is no address of the host");
            gw.groups.clone()
        };
        apply(&mut dataplane, &links, &plan).await.expect("joined");
        assert_eq!(joined().await, groups);
        let leave = groups.iter().map(|group| Action::LeaveGroup {
            name: "gw0".into(),
            group: *group,
        });
        let leave: Vec<Action> = leave.collect();
        apply(&mut dataplane, &links, &leave).await.expect("left");
        assert_eq!(joined().await, [].into());
        plan.push(Action::SetUp {
            name: "absent".into(),
        });
        let failed = apply(&mut dataplane, &links, &plan).await;
        assert!(failed.is_err());
        assert_eq!(joined().await, [].into());
    });
}

#[test]
fn the_inner_end_becomes_what_it_should_be() {
    in_new_netns(|links| async move {
        // Its thread sits in the new namespace for as long as the test runs.
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let holder = std::thread::spawn(move || {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a namespace");
            tell.send(nix::unistd::gettid()).expect("told");
            let _ = stopped.recv();
        });
        let netns = format!("/proc/self/task/{}/ns/net", told.recv().expect("a thread"));
        let inner = Inner {
            netns: netns.clone(),
            name: "eth0".into(),
            mac: Some([2, 0, 0, 0, 0, 2]),
            mtu: 1400,
            addresses: ["10.0.3.20/24".parse().expect("a net")].into(),
            default_routes: ["10.0.3.1".parse().expect("an address")].into(),
            gro: true,
            up: true,
        };
        let pair = Action::CreatePair {
            name: "nfp1".into(),
            mtu: 1450,
            peer: PairPeer::Into {
                netns,
                name: "eth0".into(),
            },
        };
        let set = Action::SetInner {
            host: "nfp1".into(),
            inner: inner.clone(),
        };
        let up = Action::SetUp {
            name: "nfp1".into(),
        };
        let mut dataplane = open();
        apply(&mut dataplane, &links, &[pair, up, set.clone()])
            .await
            .expect("applied");
        let pairs = [("nfp1".to_owned(), inner.clone())].into();
        let seen = observe::observe(&dataplane, &links, &pairs)
            .await
            .expect("observed");
        assert_eq!(seen.inner.get("nfp1"), Some(&inner));
        assert!(seen.links["nfp1"].peer_in_other_netns);
        apply(&mut dataplane, &links, &[set])
            .await
            .expect("twice is once");
        drop(stop);
        holder.join().expect("it ends");
    });
}

#[test]
fn what_cannot_be_looked_at_is_not_taken_for_gone() {
    in_new_netns(|links| async move {
        let pair = Action::CreatePair {
            name: "nfp1".into(),
            mtu: 1450,
            peer: PairPeer::Here("nfp2".into()),
        };
        let mut dataplane = open();
        apply(&mut dataplane, &links, &[pair])
            .await
            .expect("applied");
        // It is there, and nobody can enter it.
        let file = std::env::temp_dir().join(format!("netfwd-{}", std::process::id()));
        std::fs::write(&file, "").expect("a file");
        let inner = |netns: &str| Inner {
            netns: netns.into(),
            name: "eth0".into(),
            mac: None,
            mtu: 1450,
            addresses: [].into(),
            default_routes: [].into(),
            gro: true,
            up: true,
        };
        let path = file.to_str().expect("a path");
        for (netns, is_seen) in [(path, false), ("/nowhere", true)] {
            let pairs = [("nfp1".to_owned(), inner(netns))].into();
            let seen = observe::observe(&dataplane, &links, &pairs).await;
            let seen = seen.expect("observed");
            assert!(seen.inner.is_empty());
            assert_eq!(seen.unseen.is_empty(), is_seen, "{:?}", seen.unseen);
        }
        let set = Action::SetInner {
            host: "nfp1".into(),
            inner: inner(path),
        };
        let up = Action::SetUp {
            name: "nfp2".into(),
        };
        let failed = apply(&mut dataplane, &links, &[set, up]).await;
        let failed = failed.expect("the rest goes on");
        assert!(
            failed["nfp1"].contains("enter network namespace"),
            "{failed:?}"
        );
        let other = links.find("nfp2").await.expect("a look");
        assert!(other.is_some_and(|link| link.up));
        std::fs::remove_file(file).expect("removed");
    });
}
