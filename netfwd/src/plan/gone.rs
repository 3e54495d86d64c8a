//! Sessions that a change ends: those that use what is no more.

use std::collections::{BTreeMap, BTreeSet};

use netfwd_common::addr::{Addr, UNSPECIFIED, any_like};
use netfwd_common::maps::{
    Mapping, MappingKey, PublishKey, Session, SessionFlags, SessionKey, SessionKind, Subnet,
    TargetKey,
};

use crate::observed::{MapState, Prefix};

/// What is no more; a session or mapping that uses any of it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Networks.
    pub networks: BTreeSet<u32>,
    /// Listeners that lost a target at least, each with those that it keeps.
    pub listeners: BTreeMap<PublishKey, Targets>,
    /// Floating addresses.
    pub floatings: BTreeSet<Pairing>,
    /// Subnets that are masqueraded otherwise than they were, by network.
    pub subnets: BTreeMap<u32, Vec<Sources>>,
    /// This host's addresses.
    pub addresses: BTreeSet<Addr>,
}

/// Who serves a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Their network.
    pub network: u32,
    /// Their addresses and l4 ports.
    pub at: BTreeSet<(Addr, u16)>,
}

/// A floating address and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pairing {
    /// The address outside.
    pub external: Addr,
    /// The station's.
    pub internal: Addr,
    /// The station's network.
    pub network: u32,
}

/// What a masqueraded subnet may be seen as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources {
    /// The subnet.
    pub prefix: Prefix,
    /// The first address that it keeps.
    pub first: Addr,
    /// How many it keeps from there on.
    pub count: u32,
}

impl Gone {
    /// What the wanted state lacks of the known one.
    pub(super) fn between(wanted: &MapState, known: &MapState) -> Self {
        let gone = |id: &&u32| !wanted.networks.contains_key(id);
        Self {
            networks: known.networks.keys().filter(gone).copied().collect(),
            listeners: listeners(wanted, known),
            floatings: floatings(known)
                .difference(&floatings(wanted))
                .copied()
                .collect(),
            subnets: subnets(wanted, known),
            addresses: addresses(wanted, known),
        }
    }

    /// Whether there is nothing to end.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this is the original direction of a session that ends.
    pub fn ends(&self, key: &SessionKey, session: &Session) -> bool {
        if !session.flags.has(SessionFlags::ORIGINAL) {
            return false;
        }
        let of = [session.network, key.network, session.enter];
        let masquerade = session.kind == SessionKind::Masquerade as u8;
        of.iter().any(|network| self.networks.contains(network))
            || (masquerade && self.ends_source(&key.src, key.network, &session.src))
            || (session.kind == SessionKind::Publish as u8 && self.ends_publish(key, session))
            || (session.kind == SessionKind::Floating as u8 && self.ends_floating(key, session))
    }

    fn ends_source(&self, inside: &Addr, network: u32, outside: &Addr) -> bool {
        let lost = |sources: &Sources| sources.holds(inside) && !sources.keeps(outside);
        let mut subnets = self.subnets.get(&network).into_iter().flatten();
        self.addresses.contains(outside) || subnets.any(lost)
    }

    fn ends_publish(&self, key: &SessionKey, session: &Session) -> bool {
        let listener = |address| PublishKey {
            address,
            port: key.dst_port,
            proto: key.proto,
            pad: 0,
        };
        let listeners = [listener(key.dst), listener(any_like(&key.dst))];
        let mut changed = listeners.iter().filter_map(|at| self.listeners.get(at));
        let to = (session.dst, session.dst_port);
        self.addresses.contains(&key.dst)
            || changed.any(|kept| kept.network != session.network || !kept.at.contains(&to))
    }

    fn ends_floating(&self, key: &SessionKey, session: &Session) -> bool {
        let into = Pairing {
            external: key.dst,
            internal: session.dst,
            network: session.enter,
        };
        let out = Pairing {
            external: session.src,
            internal: key.src,
            network: key.network,
        };
        self.floatings.contains(&into) || self.floatings.contains(&out)
    }

    /// Whether any mapping could end.
    pub fn is_of_mappings(&self) -> bool {
        !(self.networks.is_empty() && self.subnets.is_empty() && self.addresses.is_empty())
    }

    /// Whether this is a mapping, seen from either side, that ends.
    pub fn ends_mapping(&self, key: &MappingKey, mapping: &Mapping) -> bool {
        let (inside, outside) = if key.network == 0 {
            (&mapping.address, &key.address)
        } else {
            (&key.address, &mapping.address)
        };
        self.networks.contains(&mapping.network)
            || self.ends_source(inside, mapping.network, outside)
    }
}

impl Sources {
    fn none(prefix: Prefix) -> Self {
        Self {
            prefix,
            first: UNSPECIFIED,
            count: 0,
        }
    }

    fn of(prefix: Prefix, subnet: &Subnet) -> Self {
        let count = subnet.sources;
        match subnet.masquerade {
            0 => Self::none(prefix),
            _ => Self {
                prefix,
                first: subnet.source,
                count,
            },
        }
    }

    fn holds(&self, address: &Addr) -> bool {
        let (bits, prefix) = self.prefix;
        let differ = number(address) ^ number(&prefix);
        bits == 0 || differ >> (128 - bits.min(128)) == 0
    }

    fn keeps(&self, address: &Addr) -> bool {
        let offset = number(address).checked_sub(number(&self.first));
        offset.is_some_and(|offset| offset < u128::from(self.count))
    }
}

fn number(address: &Addr) -> u128 {
    u128::from_be_bytes(address.octets)
}

fn listeners(wanted: &MapState, known: &MapState) -> BTreeMap<PublishKey, Targets> {
    let groups = regrouped(wanted, known);
    let mut changed = BTreeMap::new();
    for (key, old) in &known.publishes {
        let same = wanted.publishes.get(key) == Some(old) && !groups.contains(&old.group);
        if same {
            continue;
        }
        let (before, now) = (targets(known, key), targets(wanted, key));
        if before.network != now.network || !before.at.is_subset(&now.at) {
            changed.insert(*key, now);
        }
    }
    changed
}

/// The groups that have other targets than they had.
fn regrouped(wanted: &MapState, known: &MapState) -> BTreeSet<u32> {
    let known = known.targets.iter();
    let other = known.filter(|(key, old)| {
        let new = wanted.targets.get(key);
        new.is_none_or(|new| (new.address, new.port) != (old.address, old.port))
    });
    other.map(|(key, _)| key.group).collect()
}

/// Who serves a listener; nobody where there is none.
fn targets(maps: &MapState, key: &PublishKey) -> Targets {
    let Some(publish) = maps.publishes.get(key) else {
        return Targets::default();
    };
    let group = publish.group;
    let at = |index: u16| {
        let index = index.into();
        let target = maps.targets.get(&TargetKey { group, index })?;
        Some((target.address, target.port.wrapping_add(publish.offset)))
    };
    Targets {
        network: publish.network,
        at: (0..publish.targets).filter_map(at).collect(),
    }
}

fn floatings(maps: &MapState) -> BTreeSet<Pairing> {
    let external = maps.floatings.iter().filter(|(key, _)| key.network == 0);
    let pairing = |(key, floating): (
        &netfwd_common::maps::FloatingKey,
        &netfwd_common::maps::Floating,
    )| Pairing {
        external: key.address,
        internal: floating.address,
        network: floating.network,
    };
    external.map(pairing).collect()
}

fn subnets(wanted: &MapState, known: &MapState) -> BTreeMap<u32, Vec<Sources>> {
    let mut changed: BTreeMap<u32, Vec<Sources>> = BTreeMap::new();
    for (prefix, old) in &known.subnets {
        let new = wanted.subnets.get(prefix);
        if old.masquerade == 0 || new == Some(old) {
            continue;
        }
        let kept = new.filter(|new| new.network == old.network);
        let sources = kept.map_or(Sources::none(*prefix), |new| Sources::of(*prefix, new));
        changed.entry(old.network).or_default().push(sources);
    }
    changed
}

/// The addresses that this host lost; what is masqueraded to is used whoever has it.
fn addresses(wanted: &MapState, known: &MapState) -> BTreeSet<Addr> {
    let given = |address: &Addr| {
        let mut subnets = wanted.subnets.iter();
        subnets.any(|(prefix, subnet)| Sources::of(*prefix, subnet).keeps(address))
    };
    let known = known.locals.keys();
    let gone = known.filter(|address| !wanted.locals.contains_key(*address));
    gone.filter(|address| !given(address)).copied().collect()
}
