//! What stood before a start, so that one that fails takes away its own work alone.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Cleanup, CleanupError};
use crate::dataplane::Pins;
use crate::ids::Interface;
use crate::links::{LinkError, Links};
use crate::runtime::Store;

/// What an instance had before a start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Whether its maps were pinned: then the data path is adopted, not made.
    pub adopted: bool,
    /// Whether it had state, which outlives the pins over a reboot.
    state: bool,
    /// The interfaces that there were, by ifindex.
    pub(super) devices: BTreeSet<u32>,
    /// Interfaces that it had made promiscuous.
    pub(super) promiscuous: BTreeSet<Interface>,
    /// Groups that it had joined.
    pub(super) groups: BTreeSet<(String, IpAddr)>,
}

impl Before {
    /// Looks at what there is.
    pub async fn look(instance: &str) -> Result<Self, LinkError> {
        let store = Store::of(instance);
        // Numbers that cannot be read are the start's own error.
        let ids = store.ids().unwrap_or_default();
        let links = Links::open(instance)?.list().await?;
        Ok(Self {
            adopted: Pins::of(instance).root().exists(),
            state: store.dir().exists(),
            devices: links.iter().map(|link| link.index).collect(),
            promiscuous: ids.promiscuous,
            groups: ids.groups,
        })
    }

    /// Takes away what a start made that failed. An adopted data path stays as it is, with what was begun in
    /// it: it forwards.
    pub async fn restore(self, instance: &str) -> Result<(), CleanupError> {
        if self.adopted {
            return Ok(());
        }
        let had_state = self.state;
        let mut cleanup = Cleanup {
            spared: self,
            ..Cleanup::default()
        };
        cleanup.data_path(instance).await;
        if !had_state {
            cleanup.directory(Store::of(instance).dir());
        }
        cleanup.done(instance).map(|_| ())
    }
}
