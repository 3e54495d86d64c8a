//! Properties of the choice among targets.

use netfwd_common::{
    addr::{UNSPECIFIED, from_v4},
    balance::{Choice, client},
    maps::{SessionKey, Target, TargetFlags},
};
use proptest::prelude::*;

const CLIENTS: u32 = 4000;

fn target(host: u8, port: u16) -> Target {
    Target {
        address: from_v4([10, 0, 3, host]),
        port,
        flags: TargetFlags::default(),
    }
}

fn flow(number: u32, port: u16) -> SessionKey {
    let [_, b, c, d] = number.to_be_bytes();
    SessionKey {
        src: from_v4([172, b, c, d]),
        dst: from_v4([192, 0, 2, 1]),
        network: 0,
        src_port: port,
        dst_port: 80,
        proto: 6,
        pad: [0; 3],
    }
}

fn choose(client: u32, targets: &[Target]) -> Option<Target> {
    let mut choice = Choice::default();
    for (index, target) in (0..).zip(targets) {
        choice.consider(client, index, target);
    }
    Some(targets[choice.chosen()? as usize])
}

/// Targets that differ, in no order.
fn groups() -> impl Strategy<Value = Vec<Target>> {
    let hosts = proptest::collection::btree_set((1..=254_u8, 1..=3_u16), 1..=64);
    hosts
        .prop_map(|set| set.into_iter().map(|(host, port)| target(host, port)))
        .prop_map(Iterator::collect::<Vec<_>>)
        .prop_shuffle()
}

proptest! {
    #[test]
    fn one_is_chosen_of_any(targets in groups(), client: u32) {
        let chosen = choose(client, &targets).expect("one");
        prop_assert!(targets.contains(&chosen));
    }

    #[test]
    fn the_order_does_not_matter(targets in groups(), client: u32) {
        let mut turned = targets.clone();
        turned.reverse();
        prop_assert_eq!(choose(client, &targets), choose(client, &turned));
    }

    #[test]
    fn removing_a_target_moves_its_own_clients_only(
        targets in groups(), client: u32, gone: prop::sample::Index,
    ) {
        let gone = gone.get(&targets);
        let rest: Vec<Target> = targets.iter().filter(|t| *t != gone).copied().collect();
        let before = choose(client, &targets);
        if before == Some(*gone) {
            prop_assert_eq!(choose(client, &rest).is_some(), !rest.is_empty());
        } else {
            prop_assert_eq!(choose(client, &rest), before);
        }
    }

    #[test]
    fn a_target_that_is_down_is_as_one_that_is_gone(
        targets in groups(), client: u32, down: prop::sample::Index,
    ) {
        let at = down.index(targets.len());
        let (mut marked, mut rest) = (targets.clone(), targets);
        marked[at].flags = TargetFlags::DOWN;
        rest.remove(at);
        let expected = if rest.is_empty() { Some(marked[at]) } else { choose(client, &rest) };
        prop_assert_eq!(choose(client, &marked), expected);
    }

    #[test]
    fn affinity_forgets_ports(number: u32, ports: (u16, u16)) {
        let of = |port| client(&flow(number, port), true);
        prop_assert_eq!(of(ports.0), of(ports.1));
    }
}

#[test]
fn of_no_target_none_is_chosen() {
    assert_eq!(choose(7, &[]), None);
    let zero = Target {
        address: UNSPECIFIED,
        port: 0,
        flags: TargetFlags::DOWN,
    };
    assert_eq!(
        choose(0, &[zero]),
        Some(zero),
        "the worst is better than none"
    );
}

/// Neighbouring addresses of clients and targets, or neighbouring ports, are the usual case.
#[test]
fn clients_are_spread_evenly() {
    for affinity in [false, true] {
        for size in [2, 3, 5, 16] {
            let targets: Vec<Target> = (1..=size).map(|host| target(host, 80)).collect();
            let mut served = vec![0_u32; targets.len()];
            for number in 0..CLIENTS {
                let key = if affinity {
                    flow(number, 40_000)
                } else {
                    flow(1, 30_000 + number as u16)
                };
                let chosen = choose(client(&key, affinity), &targets).expect("one");
                let at = targets.iter().position(|target| *target == chosen);
                served[at.expect("of the group")] += 1;
            }
            // Five standard deviations of a fair draw.
            let fair = f64::from(CLIENTS) / f64::from(size);
            let off = 5.0 * fair.sqrt();
            for count in served {
                assert!((f64::from(count) - fair).abs() < off, "{count} of {fair}");
            }
        }
    }
}
