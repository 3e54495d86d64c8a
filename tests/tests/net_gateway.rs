//! The gateway that both hosts have.

use anyhow::Result;
use tests::{
    behaviour::gateway,
    topology::{Stack, TwoHosts},
};

tests::on_stacks!(same: tests::behaviour::gateway => gateway_is_local, one_mac_everywhere);

/// The kernel's gateways hear each other; ours do not.
#[test]
fn announcements_stay() -> Result<()> {
    gateway::its_announcements_stay(&TwoHosts::new(Stack::Netfwd)?)
}
