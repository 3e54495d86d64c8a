//! Flood lists, and the entry of a network that holds their length.

use netfwd_common::addr::{Addr, UNSPECIFIED};
use netfwd_common::limits::FLOOD_PER_NETWORK;
use netfwd_common::maps::{FloodKey, FloodTarget, Network, NetworkFlags};

use super::{Builder, DesiredError, Numbered};
use crate::config::Gateway;

impl Builder<'_> {
    /// Numbers the targets. Sorted by slot: what comes later stands later, so that an addition
    /// moves no other target.
    pub(super) fn flood(
        &mut self,
        network: Numbered<'_>,
        mut targets: Vec<FloodTarget>,
    ) -> Result<u32, DesiredError> {
        let len = targets.len() as u32;
        if len > FLOOD_PER_NETWORK {
            return Err(DesiredError::FloodTooLong(network.config.name.clone()));
        }
        targets.sort_by_key(|target| (target.slot, target.vlan));
        for (index, target) in (0..).zip(targets) {
            let key = FloodKey {
                network: network.id,
                index,
            };
            self.out.maps.flood.insert(key, target);
        }
        Ok(len)
    }

    pub(super) fn network_entry(&mut self, network: &Numbered<'_>, slot: u32, flood_len: u32) {
        let config = network.config;
        let gateway = config.gateway.as_ref();
        let v4 = gateway.and_then(Gateway::first_v4);
        let masquerade = gateway.is_some_and(|g| g.masquerade.is_on());
        let accepts_unknown = config.vni.is_some() && config.accepts_unknown(self.config);
        let entry = Network {
            ageing_ns: config.switch.ageing.as_nanos() as u64,
            vni: config.vni.unwrap_or(0),
            slot,
            flags: NetworkFlags::default()
                .with_if(NetworkFlags::LEARNING, config.switch.learning)
                .with_if(NetworkFlags::UNKNOWN_UNICAST, config.switch.unknown_unicast)
                .with_if(NetworkFlags::GATEWAY, gateway.is_some())
                .with_if(NetworkFlags::OVERLAY, config.vni.is_some())
                .with_if(NetworkFlags::MASQUERADE, masquerade)
                .with_if(NetworkFlags::SUPPRESSION, config.switch.arp_suppression)
                .with_if(NetworkFlags::SNOOPING, config.switch.multicast_snooping)
                .with_if(NetworkFlags::VLAN, network.aware)
                .with_if(NetworkFlags::ANY_PEER, accepts_unknown),
            gateway_ifindex: gateway.and_then(|g| self.ifindex(&g.device)).unwrap_or(0),
            mtu: network.mtu,
            flood_len,
            gateway_v4: v4.map_or([0; 4], |address| address.octets()),
            gateway_v6: gateway
                .and_then(Gateway::first_v6)
                .map_or(UNSPECIFIED, |v6| Addr::new(v6.octets())),
            gateway_mac: gateway.map_or([0; 6], |g| g.mac_of(&config.name)),
            vlan: config.own_vlan(),
            max_learned: config.switch.max_learned_total,
        };
        self.out.maps.networks.insert(network.id, entry);
    }
}
