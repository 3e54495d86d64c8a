//! The underlay: this host's VTEPs, which of them a peer sees, and the multicast groups that uplinks
//! join.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use netfwd_common::maps::{self, VtepFlags};

use super::{Builder, DesiredError, Facts};
use crate::address::to_addr;
use crate::config::{Config, Network, same_family};
use crate::observed::Link;

/// An address of this host that VXLAN arrives at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vtep<'a> {
    pub(super) address: IpAddr,
    /// The uplink that has it, and its prefix there.
    uplink: Option<(&'a str, &'a Link, IpNet)>,
}

/// The host's VTEPs: those that are given, or the first address of the first uplink: another one's would be a
/// VTEP that no peer knows, only because the first was not ready yet.
pub(super) fn vteps<'a>(config: &'a Config, facts: Facts<'a>) -> Vec<Vtep<'a>> {
    let given = config.host.vteps.iter().copied();
    let addresses: Vec<IpAddr> = if config.host.vteps.is_empty() {
        let uplink = config.host.uplinks.first();
        let link = uplink.and_then(|name| facts.links.get(name));
        link.and_then(first).into_iter().collect()
    } else {
        given.collect()
    };
    let vtep = |address| Vtep {
        address,
        uplink: links(config, facts).find_map(|(name, link)| {
            let mut nets = link.addresses.iter();
            let net = nets.find(|net| net.addr() == address)?;
            Some((name, link, *net))
        }),
    };
    addresses.into_iter().map(vtep).collect()
}

/// The uplinks that exist.
fn links<'a>(config: &'a Config, facts: Facts<'a>) -> impl Iterator<Item = (&'a str, &'a Link)> {
    let uplinks = config.host.uplinks.iter();
    uplinks.filter_map(move |name| Some((name.as_str(), facts.links.get(name)?)))
}

/// IPv4 before IPv6, as the kernel lists them; what is not usable yet may turn out to be somebody else's.
fn first(link: &Link) -> Option<IpAddr> {
    let usable = || {
        let addresses = link.addresses.iter().map(IpNet::addr);
        addresses.filter(|address| !link.tentative.contains(address))
    };
    let v4 = usable().find(IpAddr::is_ipv4);
    v4.or_else(|| usable().next())
}

impl<'a> Builder<'a> {
    /// The VTEP that a peer or group of a network sees: the network's own, else the one in the peer's
    /// subnet, else the first of the family.
    pub(super) fn towards(&self, network: &Network, address: IpAddr) -> Option<Vtep<'a>> {
        let given = network.vtep.as_ref().map(|(vtep, _)| *vtep);
        let given = given.filter(|vtep| same_family(*vtep, address));
        let family = || {
            let vteps = self.vteps.iter();
            vteps.filter(|vtep| same_family(vtep.address, address))
        };
        let found = match given {
            Some(given) => family().find(|vtep| vtep.address == given),
            None => family()
                .find(|v| v.is_beside(address))
                .or_else(|| family().next()),
        };
        found.copied()
    }

    /// Where VXLAN arrives, but for groups.
    pub(super) fn arrivals(&mut self) {
        for vtep in &self.vteps {
            let value = maps::Vtep {
                ifindex: vtep.uplink.map_or(0, |(_, link, _)| link.ifindex),
                flags: VtepFlags::default(),
            };
            self.out.maps.vteps.insert(to_addr(vtep.address), value);
        }
    }

    /// Says which VTEPs are no address of this host. They may come, as one that moves between hosts does.
    pub(super) fn vteps_are_here(&mut self) {
        let links = self.facts.links.values();
        let addresses = links.flat_map(|link| &link.addresses).map(IpNet::addr);
        let here: BTreeSet<IpAddr> = addresses.collect();
        let lost = self.vteps.iter().map(|vtep| vtep.address);
        let lost: Vec<IpAddr> = lost.filter(|vtep| !here.contains(vtep)).collect();
        for vtep in lost {
            self.lacking(DesiredError::VtepElsewhere {
                vtep,
                place: self.config.host.vteps_at.clone(),
            });
        }
    }

    /// Joins a group on the uplink that has the VTEP which it is sent from, so that switches see it.
    pub(super) fn join(&mut self, group: IpAddr, vtep: Vtep<'a>) {
        let first = || links(self.config, self.facts).next();
        let uplink = vtep.uplink.map(|(name, link, _)| (name, link));
        let Some((name, link)) = uplink.or_else(first) else {
            return;
        };
        let value = maps::Vtep {
            ifindex: link.ifindex,
            flags: VtepFlags::GROUP,
        };
        self.out.maps.vteps.insert(to_addr(group), value);
        self.joined.insert((name.to_owned(), group));
    }

    /// What is joined and left. What netfwd joined is remembered, so that it alone is left again.
    pub(super) fn groups(&mut self) {
        let has = |(name, group): &(String, IpAddr)| {
            let link = self.facts.links.get(name);
            link.is_some_and(|link| link.groups.contains(group))
        };
        let ours = &mut self.ids.groups;
        // What is left already, or gone with its interface, needs no leaving.
        ours.retain(|at| self.joined.contains(at) || has(at));
        ours.extend(self.joined.iter().filter(|at| !has(at)).cloned());
        let left = ours.iter().filter(|at| !self.joined.contains(*at));
        let left = left.map(|at| (at.clone(), false));
        let joined = self.joined.iter().map(|at| (at.clone(), true));
        self.out.groups = left.chain(joined).collect();
    }

    /// What the underlay's MTU loses to the network's encapsulation.
    pub(super) fn overhead(&self, network: &Network) -> u32 {
        use netfwd_common::limits::{MTU_OVERHEAD_V4, MTU_OVERHEAD_V6};
        if network.vni.is_none() {
            return 0;
        }
        let is_v6 = |address: &IpAddr| address.is_ipv6();
        let given = network.vtep.as_ref().map(|(vtep, _)| *vtep);
        let sends = network.underlay().map(|(address, _)| address);
        let known: Vec<IpAddr> = sends.chain(given).collect();
        // Whoever it learns of may be of any family that a VTEP has.
        let any = known.is_empty() || network.accepts_unknown(self.config);
        let vteps = self.vteps.iter().filter(|_| any).map(|vtep| vtep.address);
        if known
            .into_iter()
            .chain(vteps)
            .any(|address| is_v6(&address))
        {
            MTU_OVERHEAD_V6
        } else {
            MTU_OVERHEAD_V4
        }
    }
}

impl Vtep<'_> {
    fn is_beside(&self, address: IpAddr) -> bool {
        self.uplink
            .is_some_and(|(_, _, net)| net.contains(&address))
    }
}
