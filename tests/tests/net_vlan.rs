//! VLANs on netfwd and on Open vSwitch, and between the two.

use tests::behaviour::vlan;

tests::on_switches!(vlan: tests::behaviour::vlan =>
    access,
    trunk,
    native,
    native_tagged,
    priority,
);

#[test]
fn trunk_between() -> anyhow::Result<()> {
    vlan::trunk_between()
}

#[test]
fn tenants_on_one_trunk() -> anyhow::Result<()> {
    vlan::tenants_on_one_trunk()
}

#[test]
fn provider_tag() -> anyhow::Result<()> {
    vlan::provider_tag()
}

#[test]
fn over_the_overlay() -> anyhow::Result<()> {
    vlan::over_the_overlay()
}
