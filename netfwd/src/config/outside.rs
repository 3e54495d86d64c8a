//! Outside addresses: that each is one thing's, and none of them inside.

use std::net::IpAddr;

use super::overlap::unique;
use super::{Config, ConfigError, Floating, Gateway, Network, Place, SourceNat};

/// Refuses outside addresses that contradict each other or the networks.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let networks = &config.networks;
    let floatings = || networks.iter().flat_map(|network| &network.floatings);
    let externals = floatings().map(|floating| (floating.external, &floating.place));
    unique("floating address", externals)?;
    for network in networks {
        let internals = network.floatings.iter();
        unique(
            "internal address",
            internals.map(|floating| (floating.internal, &floating.place)),
        )?;
        for floating in &network.floatings {
            inside(network, floating)?;
            uplink(config, floating)?;
            outside(config, floating.external, &floating.place)?;
            unshared(config, floating)?;
        }
        if let Some(gateway) = &network.gateway {
            sources(config, gateway)?;
        }
    }
    Ok(())
}

/// Refuses an internal address that the network's gateway does not reach, or has itself.
fn inside(network: &Network, floating: &Floating) -> Result<(), ConfigError> {
    let (internal, name) = (floating.internal, &network.name);
    let gateway = network.gateway.iter();
    let mut own = gateway.flat_map(|gateway| &gateway.addresses);
    let message = if own.any(|address| address.addr() == internal) {
        format!("{internal} is network {name}'s gateway; give a station's address")
    } else if network.holds(internal) {
        return Ok(());
    } else {
        format!("{internal} is in no subnet of network {name}'s gateway; give an address that is")
    };
    Err(ConfigError::new(&floating.place, message))
}

fn uplink(config: &Config, floating: &Floating) -> Result<(), ConfigError> {
    let known = &config.host.uplinks;
    let external = floating.external;
    let message = match &floating.uplink {
        Some(name) if !known.contains(name) => format!(
            "`uplink` {name} of floating address {external} is none of [host]; use one of its `uplinks`"
        ),
        None if known.is_empty() => {
            format!("floating address {external} needs an uplink; name one in `uplinks` of [host]")
        }
        _ => return Ok(()),
    };
    Err(ConfigError::new(&floating.place, message))
}

/// Refuses an outside address that is in a network's subnet.
fn outside(config: &Config, address: IpAddr, place: &Place) -> Result<(), ConfigError> {
    let mut networks = config.networks.iter();
    match networks.find(|network| network.holds(address)) {
        None => Ok(()),
        Some(network) => {
            let name = &network.name;
            let message = format!(
                "outside address {address} is in a subnet of network {name}; use one that is in none"
            );
            Err(ConfigError::new(place, message))
        }
    }
}

/// Refuses a floating address that masquerade uses as well.
fn unshared(config: &Config, floating: &Floating) -> Result<(), ConfigError> {
    let external = floating.external;
    let networks = config.networks.iter();
    let mut gateways = networks.filter_map(|network| network.gateway.as_ref());
    match gateways.find(|gateway| gateway.masquerade.of(external).has(external)) {
        None => Ok(()),
        Some(gateway) => {
            let place = &gateway.place;
            let message = format!(
                "floating address {external} is masqueraded to as well ({place}); take it out of one"
            );
            Err(ConfigError::new(&floating.place, message))
        }
    }
}

fn sources(config: &Config, gateway: &Gateway) -> Result<(), ConfigError> {
    for source in [gateway.masquerade.v4, gateway.masquerade.v6] {
        // Subnets are wider than a host's address: the ends of a range and what begins in it tell.
        let SourceNat::Range { first, .. } = source else {
            continue;
        };
        outside(config, first, &gateway.place)?;
        let networks = config.networks.iter();
        let gateways = networks.filter_map(|network| network.gateway.as_ref());
        let mut subnets = gateways.flat_map(|gateway| &gateway.addresses);
        if let Some(subnet) = subnets.find(|subnet| source.has(subnet.network())) {
            outside(config, subnet.network(), &gateway.place)?;
        }
    }
    Ok(())
}
