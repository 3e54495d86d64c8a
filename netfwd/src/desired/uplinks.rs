//! Uplinks, this host's addresses, and what the programs know of the host.

use std::net::IpAddr;

use netfwd_common::addr::UNSPECIFIED;
use netfwd_common::maps::Uplink;

use super::{Attach, Builder, DesiredError};
use crate::address::to_addr;
use crate::config::XdpPolicy;
use crate::ids::Scope;
use crate::observed::{Hook, HookAt, Link, Program};

impl Builder<'_> {
    pub(super) fn uplinks(&mut self) -> Result<(), DesiredError> {
        let config = self.config;
        for name in &config.host.uplinks {
            let slot = self.ids.slot(Scope::Uplink, name)?;
            match self.facts.links.get(name) {
                Some(link) => self.uplink(name, link, slot),
                None => self.lacking(DesiredError::NoInterface {
                    what: "uplink",
                    interface: name.clone(),
                    place: config.host.uplinks_at.clone(),
                }),
            }
        }
        Ok(())
    }

    fn uplink(&mut self, name: &str, link: &Link, slot: u32) {
        let entry = Uplink {
            address: first_v4(link).map_or(UNSPECIFIED, to_addr),
            address_v6: best_v6(link).map_or(UNSPECIFIED, to_addr),
            slot,
            mtu: link.mtu,
            mac: link.mac,
            pad: 0,
        };
        self.out.maps.uplinks.insert(link.ifindex, entry);
        for address in &link.addresses {
            self.out
                .maps
                .locals
                .insert(to_addr(address.addr()), link.ifindex);
        }
        let hooks = [
            (Hook::Ingress, Some(Attach::tc(Program::UplinkIngress))),
            (Hook::Egress, Some(Attach::tc(Program::UplinkEgress))),
            (Hook::Xdp, xdp(self.config.host.xdp, link)),
        ];
        for (hook, attach) in hooks {
            if let Some(attach) = attach {
                self.out.hooks.insert(HookAt::new(name, hook), attach);
            }
        }
    }

    /// The uplink with the smallest MTU, of those that have a VTEP where any has: the others are the way
    /// outside, and what they do not take is told when it comes to them.
    pub(super) fn narrowest(&self) -> Option<(&str, u32)> {
        let least = |wanted: &dyn Fn(&Link) -> bool| {
            let uplinks = self.config.host.uplinks.iter();
            let links =
                uplinks.filter_map(|name| Some((name.as_str(), self.facts.links.get(name)?)));
            let mtus = links.filter(|(_, link)| wanted(link));
            mtus.map(|(name, link)| (name, link.mtu))
                .min_by_key(|(_, mtu)| *mtu)
        };
        least(&|link| self.has_vtep(link)).or_else(|| least(&|_| true))
    }

    fn has_vtep(&self, link: &Link) -> bool {
        let mut addresses = link.addresses.iter().map(ipnet::IpNet::addr);
        addresses.any(|address| self.vteps.iter().any(|vtep| vtep.address == address))
    }
}

fn first_v4(link: &Link) -> Option<IpAddr> {
    let mut addresses = link.addresses.iter().map(ipnet::IpNet::addr);
    addresses.find(IpAddr::is_ipv4)
}

/// The IPv6 address to masquerade as: one that is good everywhere before one that is unique locally
/// (RFC 4193), and of these the oldest, which the kernel lists last, so that an address that comes ends no
/// sessions.
fn best_v6(link: &Link) -> Option<IpAddr> {
    let addresses = link.addresses.iter().map(ipnet::IpNet::addr);
    let usable = addresses.filter(|address| !link.tentative.contains(address));
    let v6 = usable.filter_map(|address| match address {
        IpAddr::V6(v6) if !v6.is_unicast_link_local() => Some(v6),
        _ => None,
    });
    v6.max_by_key(|v6| !v6.is_unique_local()).map(IpAddr::V6)
}

/// Whether an uplink gets the cache in front.
pub fn wants_xdp(policy: XdpPolicy, link: &Link) -> bool {
    xdp(policy, link).is_some()
}

/// How the cache in front of an uplink is attached. On virtual links XDP frames have been skbs
/// before, so that the cache costs more than it saves; `auto` leaves them alone.
fn xdp(policy: XdpPolicy, link: &Link) -> Option<Attach> {
    let attach = |generic, required| Attach {
        program: Program::UplinkXdp,
        generic,
        required,
    };
    match policy {
        XdpPolicy::Auto => (link.kind.is_none() && !link.loopback).then(|| attach(false, false)),
        XdpPolicy::Native => Some(attach(false, true)),
        XdpPolicy::Generic => Some(attach(true, true)),
        XdpPolicy::Off => None,
    }
}
