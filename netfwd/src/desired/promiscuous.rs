//! Interfaces that must take frames for any MAC, as a port towards the outside must for the stations
//! of its network. What netfwd switched on is remembered, so that it alone is switched off again.

use super::Builder;

impl Builder<'_> {
    pub(super) fn promiscuous(&mut self) {
        let is_on = |name: &String| {
            let link = self.facts.links.get(name);
            link.is_some_and(|link| link.promiscuous)
        };
        let ours = &mut self.ids.promiscuous;
        // What is off already, or gone, needs no switching off.
        ours.retain(|name| self.outside.contains(name) || is_on(name));
        ours.extend(self.outside.iter().filter(|name| !is_on(name)).cloned());
        let off = ours.iter().filter(|name| !self.outside.contains(*name));
        let off = off.map(|name| (name.clone(), false));
        let on = self.outside.iter().map(|name| (name.clone(), true));
        self.out.promiscuous = off.chain(on).collect();
    }
}
