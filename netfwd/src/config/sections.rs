//! The file, its `[host]`, and values that several sections have.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::reader::{Keys, Section, Value};
use super::{
    Config, ConfigError, Host, VTEP, XdpPolicy, metrics, nat, network, routing, values, vtep, vxlan,
};

/// What [`duration`] accepts.
pub(super) const DURATION: &str = "a duration such as \"300s\", \"5m\" or \"1h\"";
/// What `vtep` of `[host]` takes.
const VTEPS: &str = "an address of this host, or an array of several different ones";

/// A whole file.
pub(super) fn document(
    root: &Section<'_>,
    config: &mut Config,
    main: bool,
) -> Result<(), ConfigError> {
    root.only(&Keys {
        accepted: &["host", "vxlan", "nat", "routing", "metrics", "network"],
        later: &[],
    })?;
    for key in ["host", "vxlan", "nat", "routing", "metrics"] {
        if let (false, Some(value)) = (main, root.get(key)) {
            let message =
                format!("[{key}] belongs in the main file; conf.d holds [[network]] only");
            return Err(ConfigError::new(&value.place(), message));
        }
    }
    if main {
        config.host = table(root, "host", "[host]", host)?;
        config.vxlan = table(root, "vxlan", "[vxlan]", vxlan::vxlan)?;
        config.nat = table(root, "nat", "[nat]", nat::nat)?;
        config.routing = table(root, "routing", "[routing]", routing::routing)?;
        config.metrics = table(root, "metrics", "[metrics]", metrics::metrics)?;
    }
    for section in root.tables("network", "[[network]]")? {
        config.networks.push(network::network(&section)?);
    }
    Ok(())
}

/// `name` of `[host]` alone.
pub(super) fn host_name(root: &Section<'_>) -> Result<Option<String>, ConfigError> {
    match root.table("host", "[host]")? {
        Some(host) => host.maybe("name", name),
        None => Ok(None),
    }
}

/// A table, or its default.
pub(super) fn table<T: Default>(
    root: &Section<'_>,
    key: &'static str,
    title: &'static str,
    read: fn(&Section<'_>) -> Result<T, ConfigError>,
) -> Result<T, ConfigError> {
    match root.table(key, title)? {
        Some(section) => read(&section),
        None => Ok(T::default()),
    }
}

fn host(section: &Section<'_>) -> Result<Host, ConfigError> {
    section.only(&Keys {
        accepted: &["name", "uplinks", "vtep", "xdp"],
        later: &[],
    })?;
    let at = |key| section.get(key).map(|value| value.place());
    Ok(Host {
        uplinks_at: at("uplinks").unwrap_or_default(),
        vteps_at: at("vtep").unwrap_or_default(),
        name: section.maybe("name", name)?,
        uplinks: section.or("uplinks", Vec::new(), devices)?,
        vteps: section.or("vtep", Vec::new(), vteps)?,
        xdp: section.or("xdp", XdpPolicy::Auto, xdp)?,
    })
}

/// A name of an instance or network.
pub(super) fn name(value: &Value<'_>) -> Result<String, ConfigError> {
    value.parse(
        "1 to 64 letters, digits, `-`, `_` and `.`",
        values::instance_name,
    )
}

/// A name of an interface.
pub(super) fn device(value: &Value<'_>) -> Result<String, ConfigError> {
    value.parse(
        "an interface name of 1 to 15 characters",
        values::device_name,
    )
}

fn devices(value: &Value<'_>) -> Result<Vec<String>, ConfigError> {
    let names: Vec<String> = value.list()?.iter().map(device).collect::<Result<_, _>>()?;
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        None => Ok(names),
        Some(twice) => Err(value.error(&format!(
            "uplink {twice} is listed twice; name each interface once"
        ))),
    }
}

/// An address of the underlay.
pub(super) fn address(value: &Value<'_>) -> Result<IpAddr, ConfigError> {
    value.parse(VTEP, vtep)
}

fn vteps(value: &Value<'_>) -> Result<Vec<IpAddr>, ConfigError> {
    let Ok(list) = value.list() else {
        return Ok(vec![address(value)?]);
    };
    let vteps: Vec<IpAddr> = list.iter().map(address).collect::<Result<_, _>>()?;
    let different: BTreeSet<&IpAddr> = vteps.iter().collect();
    if vteps.is_empty() || different.len() != vteps.len() {
        return Err(value.refuse(VTEPS));
    }
    Ok(vteps)
}

fn xdp(value: &Value<'_>) -> Result<XdpPolicy, ConfigError> {
    value.parse("\"auto\", \"native\", \"generic\" or \"off\"", |text| {
        Some(match text {
            "auto" => XdpPolicy::Auto,
            "native" => XdpPolicy::Native,
            "generic" => XdpPolicy::Generic,
            "off" => XdpPolicy::Off,
            _ => return None,
        })
    })
}

/// One of two words; whether it is the first.
pub(super) fn choice(value: &Value<'_>, yes: &str, no: &str) -> Result<bool, ConfigError> {
    value.parse(&format!("\"{yes}\" or \"{no}\""), |text| {
        (text == yes || text == no).then_some(text == yes)
    })
}

/// Two l4 ports, the lower first.
pub(super) fn ports(value: &Value<'_>) -> Result<(u16, u16), ConfigError> {
    let accepted = "two numbers from 1 to 65535, the lower first";
    let list = value.list().map_err(|_| value.refuse(accepted))?;
    let [low, high] = list.as_slice() else {
        return Err(value.refuse(accepted));
    };
    let pair = (
        low.integer(1, 65535)? as u16,
        high.integer(1, 65535)? as u16,
    );
    if pair.0 > pair.1 {
        return Err(value.refuse(accepted));
    }
    Ok(pair)
}

/// A duration in a range of seconds.
pub(super) fn between(
    value: &Value<'_>,
    seconds: RangeInclusive<u64>,
) -> Result<Duration, ConfigError> {
    let (low, high) = seconds.into_inner();
    let accepted = format!("{DURATION}, from {low}s to {high}s");
    let range = Duration::from_secs(low)..=Duration::from_secs(high);
    value.parse(&accepted, |text| {
        values::duration(text).filter(|d| range.contains(d))
    })
}
