//! Who rules the network: whether what is cut, counted and forbidden there holds for the connection.

use std::io::{Read as _, Write as _};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::super::connection::Connection;
use super::super::place::{INTERFACE, Place};
use super::super::programs::Shortcut;
use super::{Probe, of_all, transfer};
use crate::run::process;

const LIMIT: Duration = Duration::from_secs(10);
/// How long counters and configuration may take to follow.
const A_WHILE: Duration = Duration::from_millis(100);

/// The probes of any network.
pub const PROBES: &[Probe] = &[
    Probe {
        what: "10 octets written after the receiver's interface went down",
        look: cut,
    },
    Probe {
        what: "what the receiver's interface counted of 1 MiB, and so what tcpdump, tc and nft saw",
        look: counted,
    },
    Probe {
        what: "10 octets that nobody had read when the data path was taken away",
        look: forgotten,
    },
];

/// The probes of what netfwd decides.
pub const OF_NETFWD: &[Probe] = &[
    Probe {
        what: "netfwd port show: what the ports counted of 1 MiB",
        look: ports_counted,
    },
    Probe {
        what: "10 octets written after netfwd port set --isolated on both ports",
        look: isolated,
    },
];

/// What arrives of 10 octets that are written now.
fn written_now(connection: &Connection) -> Result<String> {
    (&connection.client).write_all(&[7; 10])?;
    Ok(arrived(connection))
}

fn arrived(connection: &Connection) -> String {
    match (&connection.server).read(&mut [0; 10]) {
        Ok(octets) => format!("{octets} octets arrive"),
        Err(error) => format!("nothing arrives ({:?})", error.kind()),
    }
}

fn cut(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect()?;
    let receiver = &place.lab.containers[1];
    receiver.ip(&format!("link set {INTERFACE} down"))?;
    let seen = written_now(&connection);
    receiver.ip(&format!("link set {INTERFACE} up"))?;
    seen
}

fn counted(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let before = received(place)?;
    transfer(&place.connect()?)?;
    Ok(of_all(received(place)? - before).to_owned())
}

fn received(place: &Place<'_>) -> Result<u64> {
    let name = place.lab.containers[1].name();
    let mut command = Command::new("ip");
    command.args(["-n", name, "-j", "-s", "link", "show", INTERFACE]);
    let links: Value = serde_json::from_str(&process::run(&mut command, LIMIT)?)?;
    let octets = links[0]["stats64"]["rx"]["bytes"].as_u64();
    octets.context("ip shows no received octets")
}

fn forgotten(place: &Place<'_>, shortcut: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect()?;
    (&connection.client).write_all(&[7; 10])?;
    thread::sleep(A_WHILE);
    if let Some(shortcut) = shortcut {
        shortcut.forget()?;
    }
    Ok(arrived(&connection))
}

fn ports_counted(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let before = counted_by_netfwd(place)?;
    transfer(&place.connect()?)?;
    thread::sleep(A_WHILE);
    Ok(of_all(counted_by_netfwd(place)? - before).to_owned())
}

fn counted_by_netfwd(place: &Place<'_>) -> Result<u64> {
    let netfwd = place.netfwd.context("netfwd is not there")?;
    let ports = netfwd.objects("port show")?;
    let octets = ports.iter().filter_map(|port| port["rx_bytes"].as_u64());
    Ok(octets.sum())
}

fn isolated(place: &Place<'_>, _: Option<&Shortcut>) -> Result<String> {
    let connection = place.connect()?;
    let netfwd = place.netfwd.context("netfwd is not there")?;
    let set = |state: &str| -> Result<()> {
        for port in ["p1", "p2"] {
            netfwd.table(&format!("port set {port} --isolated {state}"))?;
        }
        Ok(())
    };
    set("on")?;
    let seen = written_now(&connection);
    set("off")?;
    seen
}
