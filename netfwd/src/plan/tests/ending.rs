//! Which sessions end with a change.

use netfwd_common::maps::SessionKind;

use super::flows::Flow;
use super::translation::BASE;
use super::world::world;
use crate::plan::Action;

#[test]
fn a_target_that_goes_takes_its_sessions_along() {
    let mut world = world(BASE);
    let stays = world.publishes("192.0.2.1:80", "10.0.3.20:8080");
    let goes = world.publishes("192.0.2.1:81", "10.0.3.21:8081");
    let other = world.masquerades("blue", "10.0.3.21:5000", "192.0.2.1:5000");
    world.become_that(&BASE.replace(", \"10.0.3.21:8080\"", ""));
    assert!(world.lives(&stays) && world.lives(&other));
    assert!(!world.lives(&goes));
}

#[test]
fn a_listener_that_goes_takes_its_sessions_along() {
    let mut world = world(BASE);
    let stays = world.publishes("192.0.2.1:80", "10.0.3.20:8080");
    let goes = world.publishes("192.0.2.1:89", "10.0.3.20:8089");
    world.become_that(&BASE.replace("80-89/tcp", "80-88/tcp"));
    assert!(
        world.lives(&stays),
        "its listener is of another publish now"
    );
    assert!(!world.lives(&goes));
}

#[test]
fn a_publish_that_leads_elsewhere_starts_anew() {
    let mut world = world(BASE);
    let there = world.publishes("192.0.2.1:80", "10.0.3.20:8080");
    let moved = BASE.replace(":8080", ":9090");
    world.become_that(&moved);
    assert!(!world.lives(&there));
}

#[test]
fn affinity_and_a_new_target_end_nothing() {
    let mut world = world(BASE);
    let session = world.publishes("192.0.2.1:80", "10.0.3.20:8080");
    let more = BASE.replace(
        "\"10.0.3.21:8080\"]",
        "\"10.0.3.21:8080\", \"10.0.3.24:8080\"]\naffinity = \"source\"",
    );
    let actions = world.become_that(&more);
    assert!(world.lives(&session));
    let ends = |action: &Action| matches!(action, Action::EndSessions(_));
    assert!(!actions.iter().any(ends), "{actions:?}");
}

#[test]
fn a_floating_address_that_goes_takes_its_sessions_along() {
    let mut world = world(BASE);
    let into = world.reaches(SessionKind::Floating, "192.0.2.20:22", "10.0.3.22:22");
    let flow = Flow {
        kind: SessionKind::Floating,
        from: world.id("blue"),
        before: ["10.0.3.22:5000", "198.51.100.1:443"],
        after: ["192.0.2.20:5000", "198.51.100.1:443"],
        enter: 0,
    };
    let out = world.opens(&flow);
    let stays = world.reaches(SessionKind::Floating, "192.0.2.21:22", "10.0.3.23:22");
    world.become_that(&BASE.replace("\"10.0.3.22\"", "\"10.0.3.24\""));
    assert!(!world.lives(&into) && !world.lives(&out));
    assert!(world.lives(&stays));
}

#[test]
fn addresses_to_masquerade_as_that_go_take_their_sessions_along() {
    let mut world = world(BASE);
    let stays = world.masquerades("green", "10.0.4.2:5000", "192.0.2.101:5000");
    let goes = world.masquerades("green", "10.0.4.2:5001", "192.0.2.103:5001");
    let other = world.masquerades("blue", "10.0.3.2:5001", "192.0.2.1:5001");
    let (kept, lost) = (
        world.maps("green", "10.0.4.2:5000", "192.0.2.101:5000"),
        world.maps("green", "10.0.4.2:5001", "192.0.2.103:5001"),
    );
    world.become_that(&BASE.replace("192.0.2.103\"", "192.0.2.102\""));
    assert!(world.lives(&stays) && world.lives(&other) && !world.lives(&goes));
    assert!(world.lasts(&kept) && !world.lasts(&lost));
    world.become_that(&BASE.replace("\"192.0.2.100-192.0.2.103\"", "false"));
    assert!(world.lives(&other) && !world.lives(&stays) && !world.lasts(&kept));
}

#[test]
fn an_address_that_the_host_loses_takes_its_sessions_along() {
    let mut world = world(BASE);
    let masqueraded = world.masquerades("blue", "10.0.3.2:5001", "192.0.2.1:5001");
    let mapping = world.maps("blue", "10.0.3.2:5001", "192.0.2.1:5001");
    let published = world.publishes("192.0.2.1:80", "10.0.3.20:8080");
    let floating = world.reaches(SessionKind::Floating, "192.0.2.21:22", "10.0.3.23:22");
    let green = world.masquerades("green", "10.0.4.2:5000", "192.0.2.101:5000");
    let up = world.sim.observed.links.get_mut("up0").unwrap();
    up.addresses.push("192.0.2.2/24".parse().unwrap());
    world.become_that(BASE);
    assert!(world.lives(&masqueraded), "another address takes none away");
    let up = world.sim.observed.links.get_mut("up0").unwrap();
    up.addresses.remove(0);
    world.become_that(BASE);
    assert!(!world.lives(&masqueraded) && !world.lasts(&mapping) && !world.lives(&published));
    assert!(world.lives(&floating) && world.lives(&green));
}

#[test]
fn a_network_that_goes_takes_its_sessions_along() {
    let mut world = world(BASE);
    let goes = world.masquerades("green", "10.0.4.2:5000", "192.0.2.101:5000");
    let lost = world.maps("green", "10.0.4.2:5000", "192.0.2.101:5000");
    let stays = world.masquerades("blue", "10.0.3.2:5001", "192.0.2.1:5001");
    let at = BASE.rfind("[[network]]").unwrap();
    world.become_that(&BASE[..at]);
    assert!(world.lives(&stays) && !world.lives(&goes) && !world.lasts(&lost));
}
