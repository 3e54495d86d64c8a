//! `[[network.port]]`.

use std::collections::BTreeSet;

use ipnet::IpNet;
use netfwd_common::limits::FDB_ENTRIES;

use super::network::{self, unknown_unicast};
use super::reader::{Keys, Section, Value};
use super::sections::device;
use super::vlan::{self as vlans, TRUNK, VLAN};
use super::{ConfigError, Pair, Port, PortAt, PortOptions, Tap, TapKind, values};

/// Kinds of ports: the key that says which it is, what it is called in errors, and the keys that only
/// this kind takes.
const KINDS: [(&str, &str, &[&str]); 3] = [
    ("interface", "an existing link (`interface`)", &["outside"]),
    (
        "netns",
        "a pair that netfwd makes (`netns` and `name`)",
        &["name", "default_route"],
    ),
    (
        "tap",
        "a tap that netfwd makes (`tap`)",
        &["multi_queue", "vnet_header", "owner"],
    ),
];
/// The most flooded frames a second that can be asked for.
const STORM_HIGH: u32 = 1_000_000_000;

/// `[[network.port]]`.
pub(super) fn port(section: &Section<'_>) -> Result<Port, ConfigError> {
    section.only(&Keys {
        accepted: &[
            "interface",
            "netns",
            "name",
            "tap",
            "multi_queue",
            "vnet_header",
            "owner",
            "mac",
            "addresses",
            "default_route",
            "vlan",
            "trunk",
            "tag_native",
            "isolated",
            "learning",
            "unknown_unicast",
            "max_learned",
            "storm_control",
            "anti_spoof",
            "server",
            "edge",
            "hairpin",
            "multicast_router",
            "outside",
        ],
        later: &[],
    })?;
    let at = at(section)?;
    Ok(Port {
        mac: section.maybe("mac", |value| value.parse(values::MAC, values::unicast_mac))?,
        addresses: addresses(section, &at)?,
        options: options(section)?,
        place: section.place(),
        at,
    })
}

fn at(section: &Section<'_>) -> Result<PortAt, ConfigError> {
    let given = KINDS.map(|(key, ..)| section.get(key));
    match &given {
        [Some(interface), None, None] => {
            only_keys_of(section, "interface")?;
            Ok(PortAt::Interface(device(interface)?))
        }
        [None, Some(netns), None] => {
            only_keys_of(section, "netns")?;
            Ok(PortAt::Pair(pair(section, netns)?))
        }
        [None, None, Some(tap)] => {
            only_keys_of(section, "tap")?;
            Ok(PortAt::Tap(self::tap(section, tap)?))
        }
        _ => Err(section.error(
            "[[network.port]] needs either `interface` (an existing link), `netns` and `name` (a pair that netfwd makes), or `tap` (a tap that netfwd makes)",
        )),
    }
}

fn only_keys_of(section: &Section<'_>, kind: &str) -> Result<(), ConfigError> {
    for (_, what, keys) in KINDS.iter().filter(|(key, ..)| *key != kind) {
        for key in *keys {
            if let Some(value) = section.get(key) {
                let message = format!("`{key}` is for {what} only; remove it");
                return Err(ConfigError::new(&value.place(), message));
            }
        }
    }
    Ok(())
}

fn pair(section: &Section<'_>, netns: &Value<'_>) -> Result<Pair, ConfigError> {
    Ok(Pair {
        netns: netns.parse("a name under /run/netns or an absolute path", netns_name)?,
        name: device(&section.need("name")?)?,
        default_route: section.or("default_route", false, Value::bool)?,
    })
}

fn tap(section: &Section<'_>, name: &Value<'_>) -> Result<Tap, ConfigError> {
    let default = TapKind::default();
    Ok(Tap {
        name: device(name)?,
        kind: TapKind {
            multi_queue: section.or("multi_queue", default.multi_queue, Value::bool)?,
            vnet_header: section.or("vnet_header", default.vnet_header, Value::bool)?,
            // The highest number means "nobody" to the kernel.
            owner: section.maybe("owner", |value| value.integer(0, u32::MAX - 1))?,
        },
    })
}

/// A network namespace: a name under /run/netns, or an absolute path.
pub fn netns_name(text: &str) -> Option<String> {
    let name = !text.is_empty() && !text.contains('/') && text != "." && text != "..";
    (name || text.starts_with('/')).then(|| text.to_owned())
}

/// Addresses of a pair are set there and need their prefix; others are only compared.
fn addresses(section: &Section<'_>, at: &PortAt) -> Result<Vec<IpNet>, ConfigError> {
    if matches!(at, PortAt::Pair(_)) {
        return network::addresses(section);
    }
    section.or("addresses", Vec::new(), |value| {
        let parse = |value: &Value<'_>| value.parse(values::STATION, values::station);
        let addresses = value.list()?;
        addresses.iter().map(|v| Ok(parse(v)?.into())).collect()
    })
}

fn options(section: &Section<'_>) -> Result<PortOptions, ConfigError> {
    let switch = |key| section.or(key, false, Value::bool);
    let options = PortOptions {
        vlan: section.maybe("vlan", vlan)?,
        trunk: section.or("trunk", BTreeSet::new(), trunk)?,
        tag_native: switch("tag_native")?,
        isolated: switch("isolated")?,
        learning: section.maybe("learning", Value::bool)?,
        unknown_unicast: section.maybe("unknown_unicast", unknown_unicast)?,
        max_learned: section.maybe("max_learned", max_learned)?,
        storm_control: section.maybe("storm_control", storm_control)?,
        anti_spoof: switch("anti_spoof")?,
        server: switch("server")?,
        edge: switch("edge")?,
        hairpin: switch("hairpin")?,
        multicast_router: switch("multicast_router")?,
        outside: section.maybe("outside", Value::bool)?,
    };
    if let Some(message) = options.contradiction() {
        return Err(section.error(message));
    }
    Ok(options)
}

impl PortOptions {
    /// What makes no sense together.
    pub fn contradiction(&self) -> Option<&'static str> {
        let native = !self.trunk.is_empty() && self.vlan.is_some();
        (self.tag_native && !native).then_some(
            "`tag_native` is for a port with a `trunk` and a `vlan`, its native VLAN; give both, or leave it out",
        )
    }
}

/// `vlan`.
pub(super) fn vlan(value: &Value<'_>) -> Result<u16, ConfigError> {
    let number = value.as_integer().and_then(vlans::vlan);
    number.ok_or_else(|| value.refuse(VLAN))
}

fn trunk(value: &Value<'_>) -> Result<BTreeSet<u16>, ConfigError> {
    let mut trunk = BTreeSet::new();
    for member in value.list()? {
        match member.as_integer() {
            Some(_) => trunk.extend([vlan(&member)?]),
            None => trunk.extend(member.parse(TRUNK, vlans::trunk)?),
        }
    }
    if trunk.is_empty() {
        return Err(value.refuse(&format!("an array of at least one VLAN: {TRUNK}")));
    }
    Ok(trunk)
}

/// `max_learned`.
pub(super) fn max_learned(value: &Value<'_>) -> Result<u32, ConfigError> {
    value.integer(0, FDB_ENTRIES as u32)
}

/// `storm_control`.
pub(super) fn storm_control(value: &Value<'_>) -> Result<u32, ConfigError> {
    value.integer(0, STORM_HIGH)
}
