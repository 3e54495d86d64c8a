//! Reads what is: interfaces and neighbours by netlink, attachments and map contents from their pins.

mod inner;

use std::collections::{BTreeMap, BTreeSet};

use netfwd_common::maps::{self, FdbEntry, FdbFlags, FdbKey, NeighbourFlags, NeighbourKey};

use crate::dataplane::{
    Dataplane, DataplaneError, FILTER_HANDLE, FILTER_PRIORITY, Maps, Pin, Pins, Seen,
};
use crate::links::{self, Address, LinkError, Links, members, sysctl, tc::Side};
use crate::observed::{
    Hook, HookAt, Inner, Link, MapState, Neighbour, Observed, Sysctl, VxlanLink,
};

/// Why the state could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// Netlink.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Maps or pins.
    #[error(transparent)]
    Dataplane(#[from] DataplaneError),
}

/// Every link of the namespace, by name. The settings of those that are in `known` already are taken from
/// there: each is a file to read, and there are thousands.
pub async fn links(
    links: &Links,
    known: &BTreeMap<String, Link>,
) -> Result<BTreeMap<String, Link>, ObserveError> {
    Ok(named(links, &links.list().await?, known))
}

/// Everything that a plan compares. `pairs` are the ends in other namespaces to look at, by the name
/// of the end here; one that is gone is left out.
pub async fn observe(
    dataplane: &Dataplane,
    links: &Links,
    pairs: &BTreeMap<String, Inner>,
) -> Result<Observed, ObserveError> {
    let list = links.list().await?;
    let named = named(links, &list, &BTreeMap::new());
    let (mut inner, mut unseen) = (BTreeMap::new(), BTreeMap::new());
    for (name, wanted) in pairs {
        let Some(host) = list.iter().find(|link| link.name == *name) else {
            continue;
        };
        match inner::end_of(host, wanted).await {
            Ok(found) => inner.extend(found.map(|found| (name.clone(), found))),
            Err(error) => drop(unseen.insert(name.clone(), error.to_string())),
        }
    }
    Ok(Observed {
        inner,
        unseen,
        neighbours: neighbours(links, &list).await?,
        maps: maps(dataplane.maps())?,
        ..attached(dataplane, links, &list, named).await?
    })
}

/// Links and hooks alone.
pub async fn hooks(dataplane: &Dataplane, links: &Links) -> Result<Observed, ObserveError> {
    let list = links.list().await?;
    let named = plain_links(&list);
    attached(dataplane, links, &list, named).await
}

async fn attached(
    dataplane: &Dataplane,
    links: &Links,
    list: &[links::Link],
    named: BTreeMap<String, Link>,
) -> Result<Observed, ObserveError> {
    let mut hooks = BTreeMap::new();
    for (at, pin) in dataplane.pins().attached()? {
        let seen = seen(links, list, (&at, pin), dataplane.pins()).await?;
        if let Some(attached) = dataplane.attachment(&at, pin, seen) {
            hooks.insert(at, attached);
        }
    }
    let ifindex_of = |name: &str| named.get(name).map(|link| link.ifindex);
    Ok(Observed {
        hooks,
        refused: dataplane.refused(ifindex_of),
        links: named,
        ..Observed::default()
    })
}

/// Links as a plan compares them, but for their settings.
pub fn plain_links(list: &[links::Link]) -> BTreeMap<String, Link> {
    list.iter()
        .map(|link| (link.name.clone(), plain_link(link)))
        .collect()
}

/// Links as a plan compares them, with the settings of those that the instance made.
fn named(
    ours: &Links,
    list: &[links::Link],
    known: &BTreeMap<String, Link>,
) -> BTreeMap<String, Link> {
    let mut named = plain_links(list);
    let mut members = members::members();
    for (name, link) in &mut named {
        link.members = members.remove(&link.ifindex).unwrap_or_default();
        if link.alias.as_deref() == Some(ours.alias()) {
            let known = known.get(name);
            let same = known.filter(|known| known.ifindex == link.ifindex);
            link.sysctls = same.map_or_else(|| sysctls(name), |known| known.sysctls.clone());
        }
    }
    named
}

/// Whether frames for one station are handed to the other end of this interface, past its queue.
pub fn goes_to_other_end(link: &links::Link) -> bool {
    link.kind == "veth" && link.peer_elsewhere
}

/// A link as a plan compares it, but for its settings.
pub fn plain_link(link: &links::Link) -> Link {
    let is_group = |address: &&Address| address.net.addr().is_multicast();
    let (groups, unicast): (Vec<&Address>, Vec<&Address>) =
        link.addresses.iter().partition(is_group);
    let global = || unicast.iter().filter(|address| address.global);
    let joined = groups.iter().filter(|group| group.usable);
    let tentative = global().filter(|address| !address.usable);
    Link {
        ifindex: link.index,
        kind: (!link.kind.is_empty()).then(|| link.kind.clone()),
        alias: link.alias.clone(),
        mac: link.mac.unwrap_or_default(),
        mtu: link.mtu,
        up: link.up,
        carrier: link.carrier,
        loopback: link.loopback,
        addresses: global().map(|address| address.net).collect(),
        tentative: tentative.map(|address| address.net.addr()).collect(),
        groups: joined.map(|group| group.net.addr()).collect(),
        members: BTreeSet::new(),
        peer_in_other_netns: goes_to_other_end(link),
        peer_ifindex: link.peer_index.filter(|_| link.kind == "veth"),
        vxlan: link.vxlan.map(|vxlan| VxlanLink {
            port: vxlan.port,
            external: vxlan.external,
            zero_checksum: vxlan.zero_checksum,
            source_ports: vxlan.source_ports,
        }),
        tap: link.tap,
        promiscuous: link.promiscuous,
        sysctls: BTreeMap::new(),
    }
}

fn sysctls(device: &str) -> BTreeMap<Sysctl, u8> {
    Sysctl::ALL
        .into_iter()
        .filter_map(|which| Some((which, value(which, device)?)))
        .collect()
}

/// Without IPv6 its settings are as netfwd would have them: all of them are 1.
fn value(which: Sysctl, device: &str) -> Option<u8> {
    match sysctl::read(which, device) {
        Some(value) => value.parse().ok(),
        None if which.is_of_ipv6() => Some(1),
        None => None,
    }
}

/// What the kernel says of the interface of a hook, as far as the pin cannot tell.
pub async fn seen(
    links: &Links,
    list: &[links::Link],
    (at, pin): (&HookAt, Pin),
    pins: &Pins,
) -> Result<Seen, LinkError> {
    let link = list.iter().find(|link| link.name == at.interface);
    let ifindex = link.map_or(0, |link| link.index);
    let program = match pin {
        Pin::Tcx => None,
        Pin::XdpNative | Pin::XdpGeneric => {
            link.and_then(|link| link.xdp).map(|xdp| xdp.program_id)
        }
        // The interface that has the filter may have another name by now.
        Pin::Clsact => {
            let index = pins.filtered(at).unwrap_or(ifindex);
            if index == 0 {
                return Ok(Seen::default());
            }
            let side = if at.hook == Hook::Egress {
                Side::Egress
            } else {
                Side::Ingress
            };
            let (priority, handle) = (FILTER_PRIORITY, FILTER_HANDLE);
            links.filter_program(index, side, priority, handle).await?
        }
    };
    Ok(Seen { ifindex, program })
}

async fn neighbours(links: &Links, list: &[links::Link]) -> Result<BTreeSet<Neighbour>, LinkError> {
    let made = list.iter();
    let made = made.filter(|link| link.alias.as_deref() == Some(links.alias()));
    let made: BTreeMap<u32, &links::Link> = made.map(|link| (link.index, link)).collect();
    let known = links.neighbours().await?;
    let ours = known.iter().filter_map(|neighbour| {
        Some(Neighbour {
            interface: made.get(&neighbour.ifindex)?.name.clone(),
            address: neighbour.address,
            mac: neighbour.mac.filter(|_| neighbour.permanent),
        })
    });
    Ok(ours.collect())
}

fn maps(maps: &Maps) -> Result<MapState, DataplaneError> {
    let fixed = |_: &FdbKey, entry: &FdbEntry| entry.flags.has(FdbFlags::STATIC);
    let given = |_: &NeighbourKey, known: &maps::Neighbour| known.flags.has(NeighbourFlags::STATIC);
    Ok(MapState {
        config: maps.config()?,
        ports: maps.ports.entries()?,
        networks: maps.networks.entries()?,
        vnis: maps.vnis.entries()?,
        fdb: maps.fdb.matching(fixed)?,
        flood: maps.flood.entries()?,
        peers: maps.peers.entries()?,
        members: maps.members.entries()?,
        vteps: maps.vteps.entries()?,
        vxlan_ports: maps.vxlan_ports.entries()?,
        targets: maps.targets.entries()?,
        floatings: maps.floatings.entries()?,
        externals: maps.externals.entries()?,
        pairs: maps.pairs.entries()?,
        uplinks: maps.uplinks.entries()?,
        locals: maps.locals.entries()?,
        subnets: maps.subnets()?,
        publishes: maps.publishes.entries()?,
        vlans: maps.vlans.entries()?,
        bindings: maps.bindings.entries()?,
        neighbours: maps.neighbours.matching(given)?,
    })
}
