//! Ports that come and go at run time, and what `monitor` says of them.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    netns::Namespace,
    packet::RawSocket,
    process::{Running, eventually},
    topology::{Instance, veth},
};

/// Within this a change of the host is followed; asserted with room for a busy machine.
const SOON: Duration = Duration::from_secs(5);
/// A BPDU: LLC to the bridge group address, a configuration message of zeros.
const BPDU: [u8; 60] = {
    let mut frame = [0; 60];
    frame[0] = 0x01;
    frame[1] = 0x80;
    frame[2] = 0xc2;
    frame[6] = 0x02;
    frame[11] = 0x99;
    frame[13] = 38;
    frame[14] = 0x42;
    frame[15] = 0x42;
    frame[16] = 0x03;
    frame
};

/// A host with a network of two veths and a tap, and a container behind each veth.
struct Place {
    instance: Instance,
    host: Namespace,
    containers: [Namespace; 2],
}

impl Place {
    fn new() -> Result<Self> {
        let host = Namespace::new("h")?;
        let containers = [Namespace::new("c1")?, Namespace::new("c2")?];
        let text = format!(
            "[host]\nname = \"{}\"\n\n[[network]]\nname = \"blue\"\nageing = \"10s\"\n\n\
             [[network.port]]\ninterface = \"v1\"\nedge = true\n\n\
             [[network.port]]\ninterface = \"v2\"\n\n[[network.port]]\ntap = \"vm1\"\n",
            host.name()
        );
        let instance = Instance::new(&host, &text)?;
        let mut place = Self {
            instance,
            host,
            containers,
        };
        for number in [1, 2] {
            place.plug(number)?;
        }
        place.instance.start()?;
        Ok(place)
    }

    /// Gives container `number` its interface.
    fn plug(&self, number: u8) -> Result<()> {
        let container = &self.containers[usize::from(number) - 1];
        veth(&self.host, &format!("v{number}"), container, "eth0")?;
        container.ip(&format!("addr add 10.0.3.{number}/24 dev eth0"))
    }

    fn pings(&self) -> Result<bool> {
        let ping = self.containers[0].attempt("ping -c 1 -W 1 10.0.3.2")?;
        Ok(ping.success().is_ok())
    }

    fn is_hooked(&self, interface: &str) -> bool {
        let pin = format!("links/{interface}:ingress");
        Path::new(&self.instance.pins()).join(pin).exists()
    }

    fn stations_behind(&self, port: &str) -> Result<usize> {
        let fdb = self.instance.json("fdb show --network blue")?;
        Ok(fdb.iter().filter(|entry| entry["port"] == port).count())
    }

    /// Follows the events of the network.
    fn monitor(&self) -> Result<Running> {
        let mut command = self.host.command(tests::built::netfwd()?);
        let network = ["monitor", "--network", "blue"];
        command.args(["-N", self.host.name(), "-j"]).args(network);
        let monitor = Running::start(command)?;
        // It is told what comes once it is connected, and nothing says when that is.
        std::thread::sleep(Duration::from_millis(500));
        Ok(monitor)
    }
}

/// Waits for an event of this kind and port.
fn told(monitor: &Running, kind: &str, port: &str) -> Result<Value> {
    let mut found = None;
    let what = format!("event {kind} of {port}");
    eventually(&what, SOON, || {
        found = events(monitor)?
            .into_iter()
            .find(|event| event["event"] == kind && event["port"] == port);
        Ok(found.is_some())
    })
    .with_context(|| monitor.stdout())?;
    found.context(what)
}

/// The whole lines so far.
fn events(monitor: &Running) -> Result<Vec<Value>> {
    let text = monitor.stdout();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let events = whole.lines().map(serde_json::from_str);
    Ok(events.collect::<Result<_, _>>()?)
}

#[test]
fn a_vanished_interface_takes_its_entries_along_and_returns() -> Result<()> {
    let place = Place::new()?;
    let monitor = place.monitor()?;
    ensure!(place.pings()?, "the containers do not reach each other");
    ensure!(place.stations_behind("v1")? == 1, "no station behind v1");

    place.host.ip("link del v1")?;
    told(&monitor, "port-down", "v1")?;
    ensure!(!place.is_hooked("v1") && place.is_hooked("v2"));
    ensure!(place.stations_behind("v1")? == 0, "a station stays");
    let ports = place.instance.json("port show")?;
    ensure!(ports.iter().all(|port| port["interface"] != "v1"));

    place.plug(1)?;
    told(&monitor, "port-up", "v1")?;
    ensure!(place.is_hooked("v1"));
    eventually("a ping through the new interface", SOON, || place.pings())?;
    // Its MAC is another one.
    let learned = told(&monitor, "learned", "v1")?;
    ensure!(learned["network"] == "blue" && learned["peer"].is_null());
    Ok(())
}

#[test]
fn a_hook_that_somebody_else_removes_is_put_back() -> Result<()> {
    let place = Place::new()?;
    std::fs::remove_file(place.instance.pins().join("links/v2:ingress"))?;
    eventually("the hook's return", SOON, || Ok(place.is_hooked("v2")))?;
    ensure!(place.pings()?, "the containers do not reach each other");
    Ok(())
}

#[test]
fn a_bpdu_shuts_an_edge_port() -> Result<()> {
    let place = Place::new()?;
    let monitor = place.monitor()?;
    ensure!(place.pings()?, "the containers do not reach each other");
    RawSocket::open(&place.containers[0], "eth0")?.send(&BPDU)?;
    let event = told(&monitor, "port-shut", "v1")?;
    ensure!(event["mac"] == "02:00:00:00:00:99");
    eventually("the flood target's end", SOON, || {
        Ok(place.stations_behind("v1")? == 0)
    })?;
    ensure!(!place.pings()?, "a shut port takes frames");
    let port = place.instance.object("port show", "interface", "v1")?;
    ensure!(port["state"] == "shut-by-bpdu", "{port}");
    Ok(())
}

#[test]
fn a_tap_waits_for_whoever_opens_it() -> Result<()> {
    let place = Place::new()?;
    ensure!(place.is_hooked("vm1"));
    let tap = place.instance.object("port show", "interface", "vm1")?;
    ensure!(tap["network"] == "blue", "{tap}");
    ensure!(place.host.interfaces()?.contains(&"vm1".to_owned()));
    Ok(())
}

#[test]
fn stations_that_are_quiet_age_and_say_so() -> Result<()> {
    let place = Place::new()?;
    let monitor = place.monitor()?;
    let quiet = "net/ipv6/conf/eth0/disable_ipv6";
    for container in &place.containers {
        container.sysctl(quiet, "1")?;
    }
    ensure!(place.pings()?, "the containers do not reach each other");
    let mut aged = None;
    eventually("event aged", Duration::from_secs(30), || {
        aged = events(&monitor)?
            .into_iter()
            .find(|event| event["event"] == "aged");
        Ok(aged.is_some())
    })?;
    let mac = aged.context("an event")?["mac"].clone();
    let fdb = place.instance.json("fdb show --network blue")?;
    ensure!(fdb.iter().all(|entry| entry["mac"] != mac), "{mac} stays");
    Ok(())
}
