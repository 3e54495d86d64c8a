//! No container's own VXLAN enters a network.

use anyhow::{Result, ensure};
use tests::{
    behaviour::injection::{nothing_gets_in, nothing_gets_in_v6},
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
fn vxlan_from_inside_over_ipv6_is_dropped() -> Result<()> {
    let plan = Plan::of(&[Make::Netfwd, Make::Netfwd]).over(Family::V6);
    nothing_gets_in_v6(&plan.with_gateway().start()?)
}
