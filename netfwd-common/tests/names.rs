//! What users and scripts rely on by number and by name.

use std::collections::BTreeSet;

use netfwd_common::{
    addr::{
        BROADCAST, UNSPECIFIED, from_v4, is_group, is_link_local, is_loopback, is_valid_source,
        to_v4,
    },
    verdict::DropReason,
};
use proptest::prelude::*;

#[test]
fn drop_reasons_have_one_number_and_one_name_each() {
    let numbers: BTreeSet<u32> = DropReason::ALL.iter().map(|r| r.number()).collect();
    let names: BTreeSet<&str> = DropReason::ALL.iter().map(|r| r.name()).collect();
    assert_eq!(numbers.len(), DropReason::ALL.len());
    assert_eq!(names.len(), DropReason::ALL.len());
    for reason in DropReason::ALL {
        assert_eq!(DropReason::from_number(reason.number()), Some(*reason));
    }
    assert_eq!(DropReason::from_number(0), None);
}

#[test]
fn drop_reasons_keep_their_numbers() {
    // Numbers are stable: a change here breaks dashboards. Add at the end.
    let listed: Vec<(u32, &str)> = DropReason::ALL
        .iter()
        .map(|r| (r.number(), r.name()))
        .collect();
    let expected = [
        "malformed",
        "source-mac",
        "source-spoofed",
        "same-port",
        "unknown-unicast",
        "isolated",
        "no-network",
        "unknown-vni",
        "unknown-peer",
        "vxlan-flags",
        "split-horizon",
        "too-big",
        "encap-failed",
        "decap-failed",
        "redirect-failed",
        "fragment",
        "nat-protocol",
        "nat-ports-exhausted",
        "session-table-full",
        "rewrite-failed",
        "no-target",
        "gateway-from-peer",
        "link-local",
        "session-conflict",
        "vlan",
        "spoofed-mac",
        "spoofed-arp",
        "spoofed-ip",
        "server",
        "port-shut",
        "storm-control",
        "flapping",
        "suppressed",
        "no-stage",
        "injected",
        "vxlan-reserved",
        "ecn",
        "reverse-path",
        "routing-denied",
        "nat-filtered",
        "fragment-lost",
        "icmp-unrelated",
        "target-down",
        "time-exceeded",
    ];
    let expected: Vec<(u32, &str)> = (1..).zip(expected).collect();
    assert_eq!(listed, expected);
}

#[test]
fn group_and_link_local_addresses() {
    assert!(is_group(&BROADCAST));
    assert!(!is_valid_source(&BROADCAST));
    assert!(!is_valid_source(&[0; 6]));
    assert!(is_valid_source(&[2, 0, 0, 0, 0, 1]));
    for last in 0..=u8::MAX {
        assert_eq!(is_link_local(&[0x01, 0x80, 0xc2, 0, 0, last]), last <= 0x0f);
    }
}

proptest! {
    #[test]
    fn ipv4_addresses_come_back(a in any::<[u8; 4]>()) {
        prop_assert_eq!(to_v4(&from_v4(a)), Some(a));
    }
}

#[test]
fn what_means_the_host_itself() {
    let v6 = |last| {
        let mut address = UNSPECIFIED;
        address.octets[15] = last;
        address
    };
    for own in [from_v4([127, 0, 0, 1]), from_v4([127, 1, 2, 3]), v6(1)] {
        assert!(is_loopback(&own), "{own:?}");
    }
    assert!(is_loopback(&from_v4([0; 4])) && is_loopback(&v6(0)));
    for other in [from_v4([128, 0, 0, 1]), from_v4([0, 0, 0, 1]), v6(2)] {
        assert!(!is_loopback(&other), "{other:?}");
    }
    let mut far = v6(1);
    far.octets[0] = 0x20;
    assert!(!is_loopback(&far));
}
