//! Outside addresses that are taken over.

use std::collections::BTreeMap;

use netfwd_common::addr::Addr;

use super::Core;
use crate::announce::Place;
use crate::dataplane::maps::now_ns;
use crate::links::packet;

impl Core {
    /// Announces the addresses that this host answers for since what is in force now.
    pub(super) fn take_over(&mut self) {
        let carrying = self.host.carrying();
        let maps = &self.desired.maps;
        let place = |(address, ifindex): (&Addr, &u32)| {
            let uplink = maps.uplinks.get(ifindex)?;
            let place = Place {
                ifindex: *ifindex,
                mac: uplink.mac,
            };
            carrying.contains(ifindex).then_some((*address, place))
        };
        let wanted: BTreeMap<Addr, Place> = maps.externals.iter().filter_map(place).collect();
        self.announcer.follow(&wanted, now_ns());
        self.announce();
    }

    /// Sends the announcements that are due.
    pub fn announce(&mut self) {
        for (ifindex, frame) in self.announcer.due(now_ns()) {
            if let Err(error) = packet::send(ifindex, &frame) {
                tracing::warn!("no announcement of an address: {error}");
            }
        }
    }
}
