//! DHCP through netfwd and through a bridge.

use tests::behaviour::dhcp;

tests::on_switches!(tests::behaviour::dhcp => leases);

#[test]
fn leases_with_anti_spoofing() -> anyhow::Result<()> {
    dhcp::leases_with_anti_spoofing()
}

#[test]
fn rogue_server() -> anyhow::Result<()> {
    dhcp::rogue_server()
}
