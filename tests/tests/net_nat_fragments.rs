//! Datagrams in pieces, in every order, through netfwd and through nftables.

use anyhow::Result;
use tests::{behaviour::nat::fragments, topology::Stack};

tests::on_sites!(tests::behaviour::nat::fragments => outward, inward);

/// The kernel's memory for pieces is full then, until they time out.
#[test]
fn orphans() -> Result<()> {
    fragments::orphans(&fragments::plan(Stack::Netfwd)?.start()?)
}
