//! No container's own VXLAN enters a network.

use anyhow::{Result, ensure};
use tests::{
    behaviour::injection::{nothing_gets_in, nothing_gets_in_v6, nothing_gets_in_with_a_note},
    interop::{Family, Make, Plan},
    topology::{Options, Stack},
};

#[test]
fn vxlan_from_inside_is_dropped_and_counted() -> Result<()> {
    let mut hosts = Options::both(Stack::Netfwd).start()?;
    nothing_gets_in(&hosts)?;
    let stats = hosts.a.netfwd()?.json("stats")?;
    let injected = stats.iter().filter(|row| row["reason"] == "injected");
    ensure!(injected.count() > 0, "no drop has the reason `injected`");
    Ok(())
}

#[test]
fn a_note_of_the_containers_own_lets_no_vxlan_in() -> Result<()> {
    let hosts = Options::both(Stack::Netfwd).start()?;
    // The host may be lax about whose source addresses come in by its gateway device.
    for interface in ["all", "default", "gw-blue"] {
        let key = format!("net/ipv4/conf/{interface}/rp_filter");
        hosts.a.ns.sysctl(&key, "0")?;
    }
    nothing_gets_in_with_a_note(&hosts)
}

#[test]
fn vxlan_from_inside_over_ipv6_is_dropped() -> Result<()> {
    let plan = Plan::of(&[Make::Netfwd, Make::Netfwd]).over(Family::V6);
    nothing_gets_in_v6(&plan.with_gateway().start()?)
}
