//! Events by name, in time, and for slow readers.

use futures::{FutureExt as _, StreamExt as _};
use netfwd_common::addr::UNSPECIFIED;
use netfwd_common::maps::{self, EventKind, Port};

use super::*;
use crate::address::to_addr;
use crate::ids::{Ids, Scope};

fn record(kind: EventKind) -> maps::Event {
    maps::Event {
        time_ns: crate::dataplane::maps::now_ns(),
        kind: kind as u32,
        network: 1,
        ifindex: 7,
        old_ifindex: 0,
        peer: UNSPECIFIED,
        old_peer: to_addr([192, 0, 2, 1].into()),
        mac: [2, 0, 0, 0, 0, 9],
        vlan: 10,
    }
}

/// A hub that knows network `blue` and, on interface 7, port `veth-c1`.
fn hub() -> Hub {
    let mut ids = Ids::default();
    let network = ids.network("blue");
    let slot = ids.slot(Scope::Port, "veth-c1").expect("a slot");
    let port = Port {
        network,
        slot,
        ..Port::default()
    };
    let hub = Hub::default();
    hub.in_force(&ids, &[].into(), &[(7, port)].into());
    hub
}

#[test]
fn events_have_names() {
    let hub = hub();
    let event = hub
        .tell_of_programs(&record(EventKind::Moved))
        .expect("a known kind");
    let json = serde_json::to_value(&event).expect("JSON");
    assert_eq!(json["event"], "moved");
    assert_eq!(json["network"], "blue");
    assert_eq!(json["mac"], "02:00:00:00:00:09");
    assert_eq!(
        (&json["port"], &json["peer"]),
        (&"veth-c1".into(), &serde_json::Value::Null)
    );
    assert_eq!(
        (&json["old_peer"], &json["vlan"]),
        (&"192.0.2.1".into(), &10.into())
    );
    let line = event.to_string();
    assert!(
        line.ends_with("veth-c1  from peer 192.0.2.1  vlan 10"),
        "{line}"
    );
    let unknown = maps::Event {
        kind: 4711,
        ..record(EventKind::Moved)
    };
    assert_eq!(hub.tell_of_programs(&unknown), None);
}

#[test]
fn a_port_that_goes_keeps_its_name_for_its_last_events() {
    let hub = hub();
    let mut events = hub.watch();
    let port = Port {
        network: 1,
        ..Port::default()
    };
    hub.in_force(&Ids::default(), &[(7, port)].into(), &[].into());
    let event = events.next().now_or_never().flatten().expect("told");
    assert_eq!(
        (event.event, event.port.as_deref()),
        (Kind::PortDown, Some("veth-c1"))
    );
    assert_eq!(event.network.as_deref(), Some("blue"));
}

#[test]
fn a_slow_reader_is_told_how_many_it_lost() {
    let hub = hub();
    let mut events = hub.watch();
    for _ in 0..5000 {
        hub.tell(Event::now(Kind::ConfigApplied));
    }
    let first = events.next().now_or_never().flatten().expect("told");
    assert_eq!((first.event, first.count), (Kind::Lost, Some(5000 - 4096)));
    let second = events.next().now_or_never().flatten().expect("told");
    assert_eq!(second.event, Kind::ConfigApplied);
}

#[test]
fn dates_are_gregorian() {
    const SECOND: u64 = 1_000_000_000;
    let of = |seconds: u64| time::format(seconds * SECOND + 7_000_000);
    assert_eq!(of(0), "1970-01-01T00:00:00.007Z");
    assert_eq!(of(951_782_400), "2000-02-29T00:00:00.007Z");
    assert_eq!(of(1_709_251_199), "2024-02-29T23:59:59.007Z");
    assert_eq!(of(4_107_542_400), "2100-03-01T00:00:00.007Z");
}
