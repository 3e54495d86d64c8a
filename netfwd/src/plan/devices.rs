//! Devices that netfwd makes: creation, settings, deletion.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Action, PairPeer};
use crate::desired::{Desired, Device, Made};
use crate::naming;
use crate::observed::{Inner, Link, Observed};

/// Makes what is missing; what is not made as it should be is deleted first, and before a companion is
/// made those that are not wanted any more, which may have its UDP port.
pub(super) fn create(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let is_sound = |name: &String, device| {
        let link = observed.links.get(name);
        link.is_some_and(|link| is_sound(name, device, link, observed))
    };
    let devices = desired.devices.iter();
    let devices = devices.filter(|(_, device)| !matches!(device.made, Made::PeerOf { .. }));
    let devices = devices.filter(|(name, _)| !desired.aside().contains(*name));
    let missing: Vec<_> = devices.filter(|(name, d)| !is_sound(name, d)).collect();
    let unsound = missing.iter().map(|(name, _)| *name);
    let unsound = unsound.filter(|name| observed.links.contains_key(*name));
    let mut gone: BTreeSet<&String> = unsound.collect();
    if missing.iter().any(|(_, device)| is_companion(device)) {
        gone.extend(stale(desired, observed).filter(|name| observed.links[*name].vxlan.is_some()));
    }
    let gone = gone.into_iter().cloned();
    let gone = gone.map(|name| Action::DeleteLink { name });
    let made = missing.iter().map(|(name, device)| creation(name, device));
    gone.chain(made).collect()
}

const fn is_companion(device: &Device) -> bool {
    matches!(device.made, Made::Companion { .. })
}

/// What the instance made and does not want any more.
fn stale<'a>(desired: &'a Desired, observed: &'a Observed) -> impl Iterator<Item = &'a String> {
    let ours = naming::alias(&desired.instance);
    let links = observed.links.iter();
    let stale = links.filter(move |(name, link)| {
        link.alias.as_deref() == Some(ours.as_str()) && !desired.devices.contains_key(*name)
    });
    stale.map(|(name, _)| name)
}

/// Whether a link is of the making that the device should be of.
fn is_sound(name: &str, device: &Device, link: &Link, observed: &Observed) -> bool {
    // Without its mark it is half made.
    if link.alias.is_none() {
        return false;
    }
    match &device.made {
        Made::Companion { port, source_ports } => link.vxlan.is_some_and(|known| {
            known.external
                && known.zero_checksum
                && (known.port, known.source_ports) == (*port, *source_ports)
        }),
        Made::Pair { peer } => {
            let peer = observed.links.get(peer);
            peer.is_some_and(|peer| peer.alias.is_some())
        }
        Made::PeerOf { .. } => true,
        // Whoever opens a tap says whether it has a header (drivers/net/tun.c, `tun_set_iff`).
        Made::Tap(kind) => link.tap.is_some_and(|known| {
            (known.multi_queue, known.owner) == (kind.multi_queue, kind.owner)
        }),
        Made::PairInto(inner) => observed
            .inner
            .get(name)
            .is_some_and(|known| (&known.netns, &known.name) == (&inner.netns, &inner.name)),
    }
}

fn creation(name: &str, device: &Device) -> Action {
    let pair = |peer| Action::CreatePair {
        name: name.to_owned(),
        mtu: device.mtu,
        peer,
    };
    match &device.made {
        Made::Companion { port, source_ports } => Action::CreateCompanion {
            name: name.to_owned(),
            port: *port,
            source_ports: *source_ports,
        },
        Made::Tap(kind) => Action::CreateTap {
            name: name.to_owned(),
            kind: *kind,
        },
        Made::PairInto(inner) => pair(PairPeer::Into {
            netns: inner.netns.clone(),
            name: inner.name.clone(),
        }),
        Made::Pair { peer } | Made::PeerOf { device: peer } => pair(PairPeer::Here(peer.clone())),
    }
}

/// Sets devices that exist as they should be.
pub(super) fn set_up(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let mut actions = Vec::new();
    for (name, device) in &desired.devices {
        if let Some(link) = observed.links.get(name) {
            actions.extend(settings(name, device, link));
        }
        if let Made::PairInto(inner) = &device.made
            && !desired.aside().contains(name)
        {
            actions.extend(inner_end(name, inner, observed.inner.get(name)));
        }
    }
    actions.extend(promiscuous(desired, observed, true));
    actions.extend(groups(desired, observed, true));
    actions
}

fn settings(name: &str, device: &Device, link: &Link) -> Vec<Action> {
    let name = || name.to_owned();
    let mut actions = Vec::new();
    if let Some(mac) = device.mac.filter(|mac| *mac != link.mac) {
        actions.push(Action::SetMac { name: name(), mac });
    }
    if device.mtu != link.mtu {
        let mtu = device.mtu;
        actions.push(Action::SetMtu { name: name(), mtu });
    }
    for (&sysctl, &value) in &device.sysctls {
        if link.sysctls.get(&sysctl) != Some(&value) {
            let name = name();
            actions.push(Action::SetSysctl {
                name,
                sysctl,
                value,
            });
        }
    }
    for &address in link
        .addresses
        .iter()
        .filter(|a| !device.addresses.contains(a))
    {
        actions.push(Action::RemoveAddress {
            name: name(),
            address,
        });
    }
    for &address in device
        .addresses
        .iter()
        .filter(|a| !link.addresses.contains(a))
    {
        actions.push(Action::AddAddress {
            name: name(),
            address,
        });
    }
    if !link.up {
        actions.push(Action::SetUp { name: name() });
    }
    actions
}

fn inner_end(host: &str, wanted: &Inner, known: Option<&Inner>) -> Option<Action> {
    let mac = |known: &Inner| wanted.mac.is_none_or(|mac| known.mac == Some(mac));
    let same = |known: &Inner| {
        let known = Inner {
            mac: wanted.mac,
            ..known.clone()
        };
        known == *wanted
    };
    if known.is_some_and(|known| mac(known) && same(known)) {
        return None;
    }
    Some(Action::SetInner {
        host: host.to_owned(),
        inner: wanted.clone(),
    })
}

/// Deletes what the instance made and does not want any more; the ends of a pair go together.
pub(super) fn delete(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let stale = stale(desired, observed).cloned();
    let mut actions: Vec<Action> = stale.map(|name| Action::DeleteLink { name }).collect();
    actions.extend(promiscuous(desired, observed, false));
    actions.extend(groups(desired, observed, false));
    actions
}

/// Whether a group is of one link (RFC 4291 §2.7): the solicited-node groups are.
fn is_of_link(group: &IpAddr) -> bool {
    matches!(group, IpAddr::V6(v6) if v6.segments()[0] == 0xff02)
}

/// Groups to join where they are not joined, or to leave where they are. A link that was down has lost the
/// address that it joined an IPv6 group by, and not the membership: that will do for a group of the link's,
/// which nothing is sent to, while one of an overlay lacks its route and is joined again.
fn groups(desired: &Desired, observed: &Observed, on: bool) -> Vec<Action> {
    let wanted = desired.groups.iter().filter(|(_, wanted)| **wanted == on);
    let differs = |name: &str, group: &IpAddr| {
        let link = observed.links.get(name);
        let joined = |link: &Link| {
            let member = is_of_link(group) && link.members.contains(group);
            link.groups.contains(group) || on && member
        };
        link.is_some_and(|link| joined(link) != on)
    };
    let action = |(name, group): &(String, IpAddr)| {
        let (name, group) = (name.clone(), *group);
        if on {
            Action::JoinGroup { name, group }
        } else {
            Action::LeaveGroup { name, group }
        }
    };
    let differing = wanted.filter(|((name, group), _)| differs(name, group));
    differing.map(|(at, _)| action(at)).collect()
}

/// Interfaces that are not promiscuous as they should be, of those that should be `on`.
fn promiscuous(desired: &Desired, observed: &Observed, on: bool) -> Vec<Action> {
    let wanted = &desired.promiscuous;
    let links = observed.links.values();
    let differing =
        links.filter(|link| wanted.get(&link.ifindex) == Some(&on) && link.promiscuous != on);
    let action = |link: &Link| Action::SetPromiscuous {
        ifindex: link.ifindex,
        on,
    };
    differing.map(action).collect()
}
