//! Changes to ports. A trunk may be listed by several networks, each with VLANs of its own.

use std::collections::BTreeSet;

use super::change::replace;
use super::port::PortChange;
use super::spec::bad;
use super::{ChangeError, Op, PortSpec, Runtime};
use crate::config::{Config, Network, Port};

/// A port in a network that lists it.
type Listing<'a> = (&'a Network, &'a Port);

impl Runtime {
    /// Adds, replaces or deletes a port.
    pub(super) fn port(
        &mut self,
        op: Op,
        spec: &PortSpec,
        now: &Config,
    ) -> Result<(), ChangeError> {
        let label = spec.label();
        let what = format!("port {label}");
        let wanted = match op {
            Op::Del => None,
            _ => Some(spec.port()?),
        };
        let mut listed = listings(now, &label);
        listed.retain(|listing| is_meant(listing, spec, wanted.as_ref()));
        // One that the file declares decides: it cannot go.
        let known = listed.iter().find(|(_, port)| !port.place.is_command());
        let known = known.or(listed.first());
        let given = known.map(|(network, port)| {
            let in_network = Some(&network.name) == spec.network.as_ref();
            let same = wanted.as_ref().is_some_and(|wanted| is_as(wanted, port));
            (&port.place, in_network && same)
        });
        let networks: BTreeSet<&str> = listed.iter().map(|(n, _)| n.name.as_str()).collect();
        let same = |one: &PortSpec| {
            let network = one.network.as_deref().unwrap_or_default();
            networks.contains(network) && is(one, &label)
        };
        replace(&mut self.ports, op, spec, same, &what, given)
    }

    /// Changes a port in place: its interface, namespace and addresses stay what they are.
    pub(super) fn set_port(&mut self, spec: &PortSpec, now: &Config) -> Result<(), ChangeError> {
        let label = spec.label();
        let what = format!("port {label}");
        let listed = listings(now, &label);
        let meant = |network: &Network| {
            let named = spec.network.as_ref();
            named.is_none_or(|named| *named == network.name)
        };
        if !listed.iter().any(|(network, _)| meant(network)) {
            return Err(ChangeError::Absent(what));
        }
        if listed.len() > 1 && spec.network.is_none() && spec.options.is_of_vlans() {
            return bad(format!(
                "{what} has VLANs in several networks; say with --network in which to change them"
            ));
        }
        for (network, port) in listed {
            let change = if meant(network) {
                spec.options.clone()
            } else {
                spec.options.without_vlans()
            };
            if change == PortChange::default() {
                continue;
            }
            let of_network = |one: &&mut PortSpec| {
                one.network.as_ref() == Some(&network.name) && is(one, &label)
            };
            let Some(known) = self.ports.iter_mut().find(of_network) else {
                let place = port.place.clone();
                return Err(ChangeError::InFile { what, place });
            };
            known.options = change.over(known.options.clone());
        }
        Ok(())
    }
}

/// The networks that list a port.
fn listings<'a>(config: &'a Config, label: &str) -> Vec<Listing<'a>> {
    let networks = config.networks.iter();
    let all = networks.flat_map(|network| network.ports.iter().map(move |port| (network, port)));
    all.filter(|(_, port)| port.is(label)).collect()
}

/// Whether a command means this listing: of the network that it names, of every one where it names
/// none; and two that both want the untagged frames are one and the same.
fn is_meant(listing: &Listing<'_>, spec: &PortSpec, wanted: Option<&Port>) -> bool {
    let (network, port) = listing;
    let named = spec.network.as_ref();
    let untagged = |wanted: &Port| wanted.takes_untagged() && port.takes_untagged();
    named.is_none_or(|named| *named == network.name) || wanted.is_some_and(untagged)
}

/// Whether a port is already as it should be.
fn is_as(wanted: &Port, port: &Port) -> bool {
    let place = &wanted.place;
    let port = Port {
        place: place.clone(),
        ..port.clone()
    };
    *wanted == port
}

fn is(spec: &PortSpec, label: &str) -> bool {
    spec.port().is_ok_and(|port| port.is(label))
}
