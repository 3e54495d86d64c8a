//! Ports towards the outside network.

use anyhow::Result;
use tests::behaviour::outside;

#[test]
fn own_addresses() -> Result<()> {
    outside::own_addresses()
}

#[test]
fn private() -> Result<()> {
    outside::private()
}
