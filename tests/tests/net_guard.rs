//! What ports of netfwd's do not let through.

use anyhow::Result;
use tests::behaviour::guarding;

#[test]
fn storm() -> Result<()> {
    guarding::storm()
}

#[test]
fn bpdu() -> Result<()> {
    guarding::bpdu()
}

#[test]
fn flapping() -> Result<()> {
    guarding::flapping()
}

#[test]
fn forged_sources() -> Result<()> {
    guarding::forged_sources()
}
