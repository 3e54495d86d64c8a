//! Devices that netfwd makes, and what is in the way of them.

use super::{Builder, DesiredError, Device, Made};
use crate::naming;
use crate::observed::Link;

impl Builder<'_> {
    /// Adds a device that netfwd makes; a link of that name that it did not make is in the way.
    pub(super) fn device(&mut self, name: &str, device: Device) -> Result<(), DesiredError> {
        let ours = naming::alias(self.facts.instance);
        match self.facts.links.get(name) {
            Some(link)
                if link.alias.as_deref() != Some(ours.as_str())
                    && !self.was_begun(link, &device.made) =>
            {
                return Err(DesiredError::InTheWay(name.to_owned()));
            }
            _ => self.out.devices.insert(name.to_owned(), device),
        };
        Ok(())
    }

    /// Whether a link without an alias was made by netfwd, which was ended before it could mark it: names
    /// that are derived are nobody else's, and the other end of a gateway's pair has one. A plan makes it
    /// anew. A tap is marked before it outlives whoever makes it.
    fn was_begun(&self, link: &Link, made: &Made) -> bool {
        let is_veth = link.kind.as_deref() == Some("veth");
        let is_pair = |other: &Link| {
            is_veth && !link.peer_in_other_netns && link.peer_ifindex == Some(other.ifindex)
        };
        link.alias.is_none()
            && match made {
                Made::PairInto(_) => is_veth,
                Made::Pair { peer: other } | Made::PeerOf { device: other } => {
                    self.facts.links.get(other).is_some_and(is_pair)
                }
                Made::Companion { .. } => link.vxlan.is_some_and(|vxlan| vxlan.external),
                Made::Tap(_) => false,
            }
    }
}
