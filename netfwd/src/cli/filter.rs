//! `--network`, `--port`, `--peer`, `--mac` and `--vlan` of the `show` commands.

use serde_json::Value;

use super::Failed;
use super::args::Filter;
use crate::config::{self, format_mac};
use crate::ids::{Ids, Scope};
use crate::naming;

/// Fields of a row that a filter looks at.
#[derive(Clone, Copy)]
pub struct Fields {
    /// Of `--network`.
    pub network: Option<&'static str>,
    /// Of `--port`.
    pub port: Option<&'static str>,
    /// Of `--peer`.
    pub peer: Option<&'static str>,
    /// Of `--mac`.
    pub mac: Option<&'static str>,
    /// Of `--vlan`.
    pub vlan: Option<&'static str>,
}

impl Fields {
    /// No field.
    pub const NONE: Self = Self {
        network: None,
        port: None,
        peer: None,
        mac: None,
        vlan: None,
    };
}

/// The rows that match; a filter that names what does not exist is an error.
pub fn apply(
    rows: Vec<Value>,
    filter: &Filter,
    fields: Fields,
    ids: &Ids,
) -> Result<Vec<Value>, Failed> {
    let mut tests = Vec::new();
    let shown = |field: Option<&'static str>, name: &str| {
        field.is_some_and(|field| rows.iter().any(|row| has(&row[field], name)))
    };
    if let Some(name) = &filter.network {
        exists(ids.networks.contains_key(name), "network", name)?;
        tests.push((fields.network, "network", name.clone()));
    }
    if let Some(name) = &filter.port {
        // Stations may be behind a gateway's device, which is no port.
        let interface = interface(name, ids);
        let known = ids.has(Scope::Port, &interface) || shown(fields.port, &interface);
        exists(known, "port", name)?;
        tests.push((fields.port, "port", interface));
    }
    if let Some(peer) = filter.peer.map(|peer| peer.to_string()) {
        // What programs learned has no number of its own.
        let known = ids.has(Scope::Peer, &peer) || shown(fields.peer, &peer);
        exists(known, "peer", &peer)?;
        tests.push((fields.peer, "peer", peer));
    }
    if let Some(text) = &filter.mac {
        let mac = config::unicast_mac(text).map(|mac| format_mac(&mac));
        let mac = mac.ok_or_else(|| usage(format!("`{text}` is not {}", config::MAC)))?;
        tests.push((fields.mac, "mac", mac));
    }
    if let Some(vlan) = filter.vlan {
        tests.push((fields.vlan, "vlan", vlan.to_string()));
    }
    let tests: Vec<_> = tests.into_iter().map(test).collect::<Result<_, _>>()?;
    let matching = |row: &Value| tests.iter().all(|(field, value)| has(&row[*field], value));
    let rows: Vec<Value> = rows.into_iter().filter(matching).collect();
    exists(
        filter.mac.is_none() || !rows.is_empty(),
        "station",
        filter.mac.as_deref().unwrap_or(""),
    )?;
    Ok(rows)
}

/// The objects that a filter names, as scope and name, the network first; one that does not exist is an error.
pub fn objects(filter: &Filter, ids: &Ids) -> Result<Vec<(&'static str, String)>, Failed> {
    let mut named = Vec::new();
    if let Some(name) = &filter.network {
        exists(ids.networks.contains_key(name), "network", name)?;
        named.push(("network", name.clone()));
    }
    if let Some(name) = &filter.port {
        let interface = interface(name, ids);
        exists(ids.has(Scope::Port, &interface), "port", name)?;
        named.push(("port", interface));
    }
    if let Some(peer) = filter.peer.map(|peer| peer.to_string()) {
        exists(ids.has(Scope::Peer, &peer), "peer", &peer)?;
        named.push(("peer", peer));
    }
    let none = |option| test((None, option, String::new())).map(drop);
    filter.mac.as_ref().map_or(Ok(()), |_| none("mac"))?;
    filter.vlan.map_or(Ok(()), |_| none("vlan"))?;
    Ok(named)
}

/// The interface in netfwd's namespace of a port, which may be named `netns/name`.
fn interface(name: &str, ids: &Ids) -> String {
    match name.rsplit_once('/') {
        Some((netns, end)) if !ids.has(Scope::Port, name) => naming::pair_end(netns, end),
        _ => name.to_owned(),
    }
}

fn test(
    (field, option, value): (Option<&'static str>, &str, String),
) -> Result<(&'static str, String), Failed> {
    let field =
        field.ok_or_else(|| usage(format!("--{option} does not apply here; leave it out")))?;
    Ok((field, value))
}

fn has(field: &Value, value: &str) -> bool {
    match field {
        Value::String(text) => text == value,
        Value::Number(number) => number.to_string() == value,
        Value::Array(items) => items.iter().any(|item| item == value),
        _ => false,
    }
}

fn exists(there: bool, what: &str, name: &str) -> Result<(), Failed> {
    if there {
        return Ok(());
    }
    Err(Failed::new(format!(
        "{what} {name} does not exist; `show` without the filter lists all"
    )))
}

fn usage(sentence: String) -> Failed {
    Failed { sentence, code: 2 }
}
