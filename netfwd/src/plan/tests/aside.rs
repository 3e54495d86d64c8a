//! Ports whose far ends could not be had.

use std::collections::BTreeMap;

use super::*;
use crate::naming;

#[test]
fn a_port_that_is_set_aside_is_left_as_it_is_and_holds_up_nobody() {
    let (mut sim, mut ids) = (host(), Ids::default());
    converge(&parse(BASE), &mut ids, &mut sim);
    let text = BASE.to_owned() + "[[network.port]]\nnetns = \"c1\"\nname = \"eth0\"\n";
    let config = parse(&text);
    let [old, new] = [("c0", "eth0"), ("c1", "eth0")].map(|(c, n)| naming::pair_end(c, n));
    sim.observed.inner.remove(&old);
    let is_about = |actions: &[Action], end: &str| format!("{actions:?}").contains(end);
    let gone = plan(&desired(&config, &mut ids, &sim), &sim.observed);
    assert!(is_about(&gone, &old) && is_about(&gone, &new));

    let before = desired(&parse(BASE), &mut ids, &sim).devices;
    let mut wanted = desired(&config, &mut ids, &sim);
    wanted.set_aside(&config, &BTreeMap::from([(old.clone(), "it fails".into())]));
    let others = plan(&wanted, &sim.observed);
    assert!(
        !is_about(&others, &old) && is_about(&others, &new),
        "{others:?}"
    );
    let waiting: Vec<String> = wanted.waiting.iter().map(ToString::to_string).collect();
    assert_eq!(waiting.len(), 1);
    assert!(
        waiting[0].contains("port c0/eth0 is left as it is: it fails"),
        "{waiting:?}"
    );
    assert_eq!(wanted.newly_aside(&before).count(), 0);
    wanted.set_aside(&config, &BTreeMap::from([(new.clone(), "it fails".into())]));
    assert_eq!(wanted.newly_aside(&before).count(), 1);
    assert_eq!(plan(&wanted, &sim.observed), []);
}
