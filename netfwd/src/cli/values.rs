//! Values of options.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::config;

/// A VLAN, or 0 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanOrNone(pub u16);

/// The VLANs of a trunk; none of them: it is no trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk(pub BTreeSet<u16>);

/// `on` or `off`.
pub fn on_off(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err("use on or off".to_owned()),
    }
}

/// `accept` or `drop`.
pub fn accept(text: &str) -> Result<bool, String> {
    match text {
        "accept" => Ok(true),
        "drop" => Ok(false),
        _ => Err("use accept or drop".to_owned()),
    }
}

/// A multicast group.
pub fn group(text: &str) -> Result<IpAddr, String> {
    config::group(text).ok_or_else(|| format!("use {}", config::GROUP))
}

/// A VTEP.
pub fn vtep(text: &str) -> Result<IpAddr, String> {
    config::vtep(text).ok_or_else(|| format!("use {}", config::VTEP))
}

/// A VLAN.
pub fn vlan(text: &str) -> Result<u16, String> {
    let vlan = text.parse().ok().and_then(config::vlan);
    vlan.ok_or_else(|| format!("use {}", config::VLAN))
}

/// A VLAN, or `none`.
pub fn vlan_or_none(text: &str) -> Result<VlanOrNone, String> {
    if text == "none" {
        return Ok(VlanOrNone(0));
    }
    vlan(text).map(VlanOrNone)
}

/// VLANs and ranges of them with commas between, or `none`.
pub fn trunk(text: &str) -> Result<Trunk, String> {
    let mut vlans = BTreeSet::new();
    if text == "none" {
        return Ok(Trunk(vlans));
    }
    for member in text.split(',') {
        let range = config::trunk(member);
        vlans.extend(range.ok_or_else(|| format!("use {}", config::TRUNK))?);
    }
    Ok(Trunk(vlans))
}

/// Seconds, written as a duration.
pub fn seconds(text: &str) -> Result<u64, String> {
    let duration = config::duration(text).filter(|time| config::is_ageing(*time));
    let accepted = "use a duration from 10s to 1000000s, such as 300s, 5m or 1h";
    Ok(duration.ok_or_else(|| accepted.to_owned())?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_is_vlans_and_ranges() {
        let vlans = |text| trunk(text).map(|Trunk(vlans)| vlans.into_iter().collect::<Vec<_>>());
        assert_eq!(vlans("10,20-22"), Ok(vec![10, 20, 21, 22]));
        assert_eq!(vlans("none"), Ok(vec![]));
        for bad in ["", "0", "4095", "10,", "22-20", "a"] {
            assert!(vlans(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_vlan_is_no_priority_and_no_reserved_number() {
        assert_eq!((vlan("1"), vlan("4094")), (Ok(1), Ok(4094)));
        assert!(vlan("0").is_err() && vlan("4095").is_err());
        assert_eq!(vlan_or_none("none"), Ok(VlanOrNone(0)));
    }

    #[test]
    fn ageing_is_10_to_1000000_seconds() {
        assert_eq!((seconds("10s"), seconds("5m")), (Ok(10), Ok(300)));
        assert!(seconds("9s").is_err() && seconds("1000001s").is_err());
        assert!(seconds("300").is_err());
    }
}
