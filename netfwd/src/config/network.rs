//! `[[network]]` and its gateway.

use std::time::Duration;

use ipnet::IpNet;
use netfwd_common::vxlan::MAX_VNI;

use super::reader::{Keys, Section, Value};
use super::sections::{between, choice, device, name};
use super::{
    ConfigError, Gateway, Masquerade, Network, Switch, entries, floating, masquerade, port,
    publish, underlay, values,
};

/// What [`host_address`] accepts.
pub const ADDRESS: &str = "an address with its prefix, such as \"10.0.3.1/24\"";
/// Smallest MTU: every IPv4 link must take this (RFC 791 §3.2).
const MTU_LOW: u32 = 576;
/// Largest MTU: the largest IP packet.
const MTU_HIGH: u32 = 65535;

/// Keys of `[[network]]`.
const KEYS: Keys = Keys {
    accepted: &[
        "name",
        "vni",
        "mtu",
        "ageing",
        "learning",
        "unknown_unicast",
        "vlan",
        "max_learned",
        "max_learned_total",
        "storm_control",
        "arp_suppression",
        "multicast_snooping",
        "multicast_querier",
        "peers",
        "group",
        "vtep",
        "unknown_sources",
        "gateway",
        "port",
        "publish",
        "floating",
        "fdb",
        "neighbour",
    ],
    later: &[],
};

/// `[[network]]`.
pub(super) fn network(section: &Section<'_>) -> Result<Network, ConfigError> {
    section.only(&KEYS)?;
    let name = name(&section.need("name")?)?;
    let title = "[network.gateway]";
    let gateway = section.table("gateway", title)?;
    let mut network = Network {
        vni: section.maybe("vni", |value| value.integer(1, MAX_VNI))?,
        mtu: section.or("mtu", None, mtu)?,
        switch: switch(section)?,
        peers: Vec::new(),
        group: None,
        vtep: None,
        accept_unknown: None,
        gateway: gateway.map(|of| self::gateway(&of, &name)).transpose()?,
        ports: each(section, "port", "[[network.port]]", port::port)?,
        publishes: each(section, "publish", "[[network.publish]]", publish::publish)?,
        floatings: each(
            section,
            "floating",
            "[[network.floating]]",
            floating::floating,
        )?,
        fdb: each(section, "fdb", "[[network.fdb]]", entries::fdb)?,
        neighbours: each(
            section,
            "neighbour",
            "[[network.neighbour]]",
            entries::neighbour,
        )?,
        place: section.place(),
        name,
    };
    underlay::read(section, &mut network)?;
    Ok(network)
}

fn switch(section: &Section<'_>) -> Result<Switch, ConfigError> {
    let default = Switch::default();
    let limit = |key| section.or(key, 0, port::max_learned);
    let on = |key, default| section.or(key, default, Value::bool);
    let switch = Switch {
        vlan: section.maybe("vlan", port::vlan)?,
        ageing: section.or("ageing", default.ageing, ageing)?,
        learning: on("learning", default.learning)?,
        unknown_unicast: section.or("unknown_unicast", default.unknown_unicast, unknown_unicast)?,
        max_learned: limit("max_learned")?,
        max_learned_total: limit("max_learned_total")?,
        storm_control: section.or("storm_control", 0, port::storm_control)?,
        arp_suppression: on("arp_suppression", default.arp_suppression)?,
        multicast_snooping: on("multicast_snooping", default.multicast_snooping)?,
        multicast_querier: on("multicast_querier", default.multicast_querier)?,
    };
    match switch.contradiction() {
        Some(message) => Err(section.error(message)),
        None => Ok(switch),
    }
}

impl Switch {
    /// What makes no sense together.
    pub fn contradiction(&self) -> Option<&'static str> {
        (self.multicast_querier && !self.multicast_snooping).then_some(
            "`multicast_querier` asks for members that only `multicast_snooping` remembers; switch that on, or this off",
        )
    }
}

fn ageing(value: &Value<'_>) -> Result<Duration, ConfigError> {
    between(value, values::AGEING)
}

fn each<T>(
    section: &Section<'_>,
    key: &'static str,
    title: &'static str,
    read: fn(&Section<'_>) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    section.tables(key, title)?.iter().map(read).collect()
}

/// `flood` or `drop`.
pub(super) fn unknown_unicast(value: &Value<'_>) -> Result<bool, ConfigError> {
    choice(value, "flood", "drop")
}

fn mtu(value: &Value<'_>) -> Result<Option<u32>, ConfigError> {
    let number = value
        .as_integer()
        .and_then(|number| u32::try_from(number).ok());
    match number {
        Some(mtu @ MTU_LOW..=MTU_HIGH) => Ok(Some(mtu)),
        _ => value.parse(
            &format!("\"auto\" or a number from {MTU_LOW} to {MTU_HIGH}"),
            |text| (text == "auto").then_some(None),
        ),
    }
}

fn gateway(section: &Section<'_>, network: &str) -> Result<Gateway, ConfigError> {
    section.only(&Keys {
        accepted: &["device", "addresses", "mac", "masquerade"],
        later: &[],
    })?;
    let named = section.maybe("device", device)?;
    let Some(device) = named.or_else(|| values::device_name(network)) else {
        let why = format!("`{network}` is too long for an interface name");
        return Err(section.error(format!("{why}; give the gateway a `device`")));
    };
    let gateway = Gateway {
        device,
        addresses: addresses(section)?,
        mac: section.maybe("mac", |value| value.parse(values::MAC, values::unicast_mac))?,
        masquerade: section.or("masquerade", Masquerade::OFF, masquerade::masquerade)?,
        place: section.place(),
    };
    match gateway.untranslatable() {
        Some(message) => Err(section.error(message)),
        None => Ok(gateway),
    }
}

/// `addresses`.
pub(super) fn addresses(section: &Section<'_>) -> Result<Vec<IpNet>, ConfigError> {
    section.or("addresses", Vec::new(), |value| {
        value.list()?.iter().map(cidr).collect()
    })
}

fn cidr(value: &Value<'_>) -> Result<IpNet, ConfigError> {
    value.parse(ADDRESS, host_address)
}

/// An address with its prefix that a station can have.
pub fn host_address(text: &str) -> Option<IpNet> {
    let net: IpNet = text.parse().ok()?;
    let address = net.addr();
    let usable = !address.is_unspecified() && !address.is_multicast() && !address.is_loopback();
    let wide = net.prefix_len() + 1 < net.max_prefix_len();
    let edge = address == net.network() || (address.is_ipv4() && address == net.broadcast());
    (usable && net.prefix_len() > 0 && !(wide && edge)).then_some(net)
}
