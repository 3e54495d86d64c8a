//! Interfaces that must take frames for any MAC, as a port towards the outside must for the stations
//! of its network. What netfwd switched on is remembered, so that it alone is switched off again, under
//! whatever name.

use std::collections::BTreeSet;

use super::Builder;
use crate::ids::Interface;

impl Builder<'_> {
    pub(super) fn promiscuous(&mut self) {
        let netns = self.facts.netns_cookie;
        let links = self.facts.links.values();
        let on = links.filter(|link| link.promiscuous);
        let on: BTreeSet<u32> = on.map(|link| link.ifindex).collect();
        let (ours, wanted) = (&mut self.ids.promiscuous, &self.outside);
        // What is off already, or gone, needs no switching off; what is elsewhere is not seen.
        ours.retain(|one| {
            let ifindex = one.ifindex;
            one.netns != netns || wanted.contains(&ifindex) || on.contains(&ifindex)
        });
        let new = wanted.difference(&on).copied();
        ours.extend(new.map(|ifindex| Interface { netns, ifindex }));
        let here = ours.iter().filter(|one| one.netns == netns);
        let off = here.map(|one| (one.ifindex, false));
        self.out.promiscuous = off.collect();
        self.out
            .promiscuous
            .extend(wanted.iter().map(|ifindex| (*ifindex, true)));
    }
}
