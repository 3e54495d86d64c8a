//! Live tests of loading and attaching, in namespaces of their own.

use netfwd_common::maps::{Config, FdbEntry, FdbFlags, FdbKey};

use super::*;
use crate::{
    desired::Attach,
    links::Links,
    observed::{Hook, Mode},
    sandbox::{in_new_netns, other_netns, pair},
};

async fn veth(links: &Links, name: &str) -> u32 {
    pair(links, name, &format!("{name}-far"), 1500).await;
    let index = links
        .find(name)
        .await
        .expect("a look")
        .expect("it is there")
        .index;
    links.set_up(index, true).await.expect("up");
    index
}

fn open(no_tcx: bool) -> Dataplane {
    let options = LoadOptions {
        no_tcx,
        ..LoadOptions::default()
    };
    Dataplane::open("test.one", &options).expect("the object loads")
}

fn attached(dataplane: &Dataplane, at: &HookAt, seen: Seen) -> Option<crate::observed::Attached> {
    let pin = dataplane.pins().pinned(at)?;
    let listed = dataplane.pins().attached().expect("pins");
    assert!(listed.contains(&(at.clone(), pin)));
    dataplane.attachment(at, pin, seen)
}

#[test]
fn maps_survive_and_links_are_replaced() {
    in_new_netns(|links| async move {
        let ifindex = veth(&links, "eth0.1").await;
        let seen = Seen {
            ifindex,
            program: None,
        };
        let at = HookAt::new("eth0.1", Hook::Ingress);
        let attach = Attach::tc(Program::PortIngress);
        let mut first = open(false);
        first.attach(&at, ifindex, attach).expect("attached");
        let key = FdbKey {
            network: 1,
            vlan: 0,
            mac: [2; 6],
        };
        let entry = FdbEntry {
            last_seen_ns: maps::now_ns(),
            ifindex,
            flags: FdbFlags::STATIC,
            ..FdbEntry::default()
        };
        first.maps_mut().fdb.put(&key, &entry).expect("written");
        let now = attached(&first, &at, seen).expect("attached");
        assert!(now.current && now.ifindex == ifindex && now.mode == Mode::Tcx);
        drop(first);

        let mut second = open(false);
        assert_eq!(second.maps().fdb.get(&key).expect("read"), Some(entry));
        let old = attached(&second, &at, seen).expect("still attached");
        assert!(!old.current && old.program == Program::PortIngress);
        second.attach(&at, ifindex, attach).expect("replaced");
        assert!(attached(&second, &at, seen).expect("attached").current);

        links.delete(ifindex).await.expect("deleted");
        let gone = attached(&second, &at, Seen::default()).expect("the pin is left");
        assert_eq!(gone.ifindex, 0);
        let ifindex = veth(&links, "eth0.1").await;
        second.attach(&at, ifindex, attach).expect("attached anew");
        let seen = Seen {
            ifindex,
            program: None,
        };
        assert_eq!(
            attached(&second, &at, seen).expect("attached").ifindex,
            ifindex
        );
        assert_eq!(second.detach(&at).expect("detached"), None);
        assert!(attached(&second, &at, seen).is_none());
        assert_eq!(second.detach(&at).expect("absent is fine"), None);
    });
}

#[test]
fn clsact_stands_in_for_tcx() {
    in_new_netns(|links| async move {
        let ifindex = veth(&links, "eth0").await;
        let at = HookAt::new("eth0", Hook::Egress);
        let mut dataplane = open(true);
        for program in [Program::UplinkEgress, Program::PortIngress] {
            dataplane
                .attach(&at, ifindex, Attach::tc(program))
                .expect("attached");
            let id = links
                .filter_program(
                    ifindex,
                    crate::links::tc::Side::Egress,
                    FILTER_PRIORITY,
                    FILTER_HANDLE,
                )
                .await
                .expect("a look");
            let now = attached(
                &dataplane,
                &at,
                Seen {
                    ifindex,
                    program: id,
                },
            )
            .expect("attached");
            assert_eq!(
                (now.mode, now.program, now.current),
                (Mode::Clsact, program, true)
            );
        }
        let ours = dataplane.detach(&at).expect("detached");
        assert_eq!(ours, Some(ifindex), "the qdisc is ours");
        links.delete_clsact(ifindex).await.expect("removed");
        links.delete_clsact(ifindex).await.expect("absent is fine");
    });
}

#[test]
fn a_filter_is_known_by_its_interface_and_not_by_the_name() {
    in_new_netns(|links| async move {
        let ifindex = veth(&links, "eth0").await;
        let at = HookAt::new("eth0", Hook::Egress);
        let mut dataplane = open(true);
        let attach = Attach::tc(Program::UplinkEgress);
        dataplane.attach(&at, ifindex, attach).expect("attached");
        let filter = async |index| {
            let side = crate::links::tc::Side::Egress;
            let found = links.filter_program(index, side, FILTER_PRIORITY, FILTER_HANDLE);
            found.await.expect("a look")
        };
        let program = filter(ifindex).await;
        assert!(program.is_some());
        let elsewhere = other_netns().run(|links| async move {
            veth(&links, "eth0").await;
            let pins = Pins::of("test.one");
            let at = HookAt::new("eth0", Hook::Egress);
            Ok(pins.filtered(&at))
        });
        assert_eq!(elsewhere.await.expect("a look"), None);

        links.set_up(ifindex, false).await.expect("down");
        links.rename(ifindex, "eth9").await;
        let other = veth(&links, "eth1").await;
        links.set_up(other, false).await.expect("down");
        links.rename(other, "eth0").await;
        let seen = Seen {
            ifindex: other,
            program,
        };
        assert_eq!(dataplane.pins().filtered(&at), Some(ifindex));
        let now = attached(&dataplane, &at, seen).expect("still there");
        assert_eq!(now.ifindex, 0, "it is another one's");
        assert_eq!(dataplane.detach(&at).expect("detached"), Some(ifindex));
        assert_eq!(filter(ifindex).await, None);
        assert!(!dataplane.pins().clsact("eth0").exists());
    });
}

#[test]
fn xdp_is_native_unless_generic_is_asked_for() {
    in_new_netns(|links| async move {
        let ifindex = veth(&links, "eth0").await;
        let at = HookAt::new("eth0", Hook::Xdp);
        let mut dataplane = open(false);
        for generic in [false, true, false] {
            let attach = Attach {
                program: Program::UplinkXdp,
                generic,
                required: true,
            };
            dataplane.attach(&at, ifindex, attach).expect("attached");
            dataplane
                .attach(&at, ifindex, attach)
                .expect("twice is once");
            let link = links
                .find("eth0")
                .await
                .expect("a look")
                .expect("it is there");
            let xdp = link.xdp.expect("a program");
            assert_eq!(xdp.native, !generic);
            let seen = Seen {
                ifindex,
                program: Some(xdp.program_id),
            };
            let now = attached(&dataplane, &at, seen).expect("attached");
            assert!(now.current && now.ifindex == ifindex);
        }
        let lo = HookAt::new("lo", Hook::Xdp);
        let attach = Attach {
            program: Program::UplinkXdp,
            generic: false,
            required: false,
        };
        let refused = dataplane.attach(&lo, 1, attach);
        assert!(refused.is_err(), "the loopback has no native XDP");
    });
}

/// What XDP and TC run on an interface, by the names of the hooks.
async fn on(dataplane: &Dataplane, links: &Links, name: &str) -> [u32; 2] {
    let link = links.find(name).await.expect("a look").expect("a link");
    let seen = Seen {
        ifindex: link.index,
        program: link.xdp.map(|xdp| xdp.program_id),
    };
    [Hook::Xdp, Hook::Ingress].map(|hook| {
        let at = HookAt::new(name, hook);
        attached(dataplane, &at, seen).expect("a pin").ifindex
    })
}

#[test]
fn programs_follow_the_names_that_interfaces_swap() {
    in_new_netns(|links| async move {
        let [one, two] = [veth(&links, "eth0").await, veth(&links, "eth1").await];
        let mut dataplane = open(false);
        let mut attach = |name: &str, ifindex| {
            let xdp = Attach {
                program: Program::UplinkXdp,
                generic: false,
                required: true,
            };
            let ingress = Attach::tc(Program::UplinkIngress);
            for (hook, attach) in [(Hook::Xdp, xdp), (Hook::Ingress, ingress)] {
                let at = HookAt::new(name, hook);
                dataplane.attach(&at, ifindex, attach).expect("attached");
            }
        };
        attach("eth0", one);
        attach("eth1", two);
        for index in [one, two] {
            links.set_up(index, false).await.expect("down");
        }
        for (index, name) in [(one, "aside"), (two, "eth0"), (one, "eth1")] {
            links.rename(index, name).await;
        }
        attach("eth0", two);
        attach("eth1", one);
        assert_eq!(on(&dataplane, &links, "eth0").await, [two, two]);
        assert_eq!(on(&dataplane, &links, "eth1").await, [one, one]);
        for hook in [Hook::Xdp, Hook::Ingress] {
            let at = HookAt::new("eth0", hook);
            dataplane.detach(&at).expect("detached");
        }
        assert_eq!(on(&dataplane, &links, "eth1").await, [one, one]);
    });
}

#[test]
fn another_layout_is_refused() {
    in_new_netns(|_| async {
        let mut dataplane = open(false);
        assert_eq!(dataplane.maps().config().expect("read"), None);
        let config = Config {
            layout: 4711,
            ..Config::default()
        };
        dataplane.maps_mut().set_config(config).expect("written");
        drop(dataplane);
        let error = Dataplane::open("test.one", &LoadOptions::default())
            .err()
            .expect("refused");
        assert!(
            error.to_string().contains("netfwd -N test.one cleanup"),
            "{error}"
        );
    });
}

#[test]
fn counters_are_summed_and_zeroed() {
    in_new_netns(|_| async {
        let mut dataplane = open(false);
        dataplane.maps_mut().zero(7).expect("zeroed");
        assert_eq!(
            dataplane.maps().counters(7).expect("read"),
            netfwd_common::maps::Counters::default()
        );
        assert!(dataplane.maps().drops().expect("read").is_empty());
    });
}

#[test]
fn stages_stay_in_place_without_a_process() {
    in_new_netns(|_| async {
        let dataplane = open(false);
        let pins = dataplane.pins().clone();
        drop(dataplane);
        let stages: aya::maps::ProgramArray<aya::maps::MapData> =
            maps::typed(&pins, maps::STAGES).expect("the pin");
        let indices: Result<Vec<u32>, _> = stages.indices().collect();
        let mut programs = Vec::new();
        for index in indices.expect("indices") {
            let name = program_at(&pins, index).expect("a program");
            programs.push(name);
        }
        let mut expected = netfwd_common::maps::Stage::ALL.to_vec();
        expected.sort_by_key(|stage| *stage as u32);
        let expected = expected
            .into_iter()
            .map(netfwd_common::maps::Stage::program);
        assert!(expected.eq(programs.iter()), "{programs:?}");
    });
}

/// Name of the program in the pinned array of stages; a lookup there gives the program's id.
fn program_at(pins: &Pins, index: u32) -> Option<String> {
    let data = aya::maps::MapData::from_pin(pins.map(maps::STAGES)).ok()?;
    let stages: aya::maps::Array<_, u32> =
        aya::maps::Array::try_from(aya::maps::Map::Array(data)).ok()?;
    let id = stages.get(&index, 0).ok()?;
    let mut programs = aya::programs::loaded_programs().flatten();
    let program = programs.find(|program| program.id() == id)?;
    program.name_as_str().map(str::to_owned)
}

fn station(number: u32) -> FdbKey {
    let [a, b, c, d] = number.to_be_bytes();
    FdbKey {
        network: 1,
        vlan: 0,
        mac: [2, 0, a, b, c, d],
    }
}

#[test]
fn tables_are_read_in_batches_and_forgotten_in_part() {
    in_new_netns(|_| async {
        let mut dataplane = open(false);
        let maps = dataplane.maps_mut();
        let entry = |number: u32| FdbEntry {
            ifindex: number % 2,
            flags: FdbFlags::default().with_if(FdbFlags::STATIC, number.is_multiple_of(10)),
            ..FdbEntry::default()
        };
        for number in 0..10_000 {
            let new = maps.fdb.put_new(&station(number), &entry(number));
            assert!(new.expect("written"));
        }
        assert!(!maps.fdb.put_new(&station(0), &entry(0)).expect("there"));
        assert_eq!(maps.fdb.entries().expect("read").len(), 10_000);
        let forgotten = maps.forget(|_, entry| entry.ifindex == 0);
        assert_eq!(forgotten.expect("forgotten"), 4_000);
        let left = maps.fdb.entries().expect("read");
        assert_eq!(left.len(), 6_000);
        assert_eq!(left[&station(10)], entry(10));
        assert_eq!(maps.fdb.take(&station(1)).expect("taken"), Some(entry(1)));
        assert_eq!(maps.fdb.take(&station(1)).expect("gone"), None);
    });
}
