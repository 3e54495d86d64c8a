//! The switch by command: properties of ports, taps, trunks, neighbours; what is refused, and how.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{
    netns::Namespace,
    packet::{Mac, RawSocket, ethernet},
    process::{TIMEOUT, eventually},
    topology::Instance,
};

const STATION: Mac = [2, 0, 0, 0, 0, 0x11];
/// Where BPDUs go (IEEE 802.1Q-2018 table 8-1).
const BRIDGES: Mac = [1, 0x80, 0xc2, 0, 0, 0];

/// A host with `p1`, whose other end `e1` is in another namespace, and a network on it.
struct Host {
    instance: Instance,
    ns: Namespace,
    container: Namespace,
}

fn host(port: &str) -> Result<Host> {
    let (ns, container) = (Namespace::new("hs")?, Namespace::new("cn")?);
    ns.ip(&format!(
        "link add p1 type veth peer name e1 netns {}\nlink set p1 up",
        container.name()
    ))?;
    container.ip("link set e1 up")?;
    let config = format!(
        "[[network]]\nname = \"lan\"\n[[network.port]]\ninterface = \"p1\"\n{port}\n[[network.neighbour]]\nip = \"10.0.0.7\"\nmac = \"02:00:00:00:00:07\"\n"
    );
    let mut instance = Instance::new(&ns, &config)?;
    instance.start()?;
    Ok(Host {
        instance,
        ns,
        container,
    })
}

impl Host {
    fn port(&self, name: &str) -> Result<Value> {
        self.instance.object("port show", "interface", name)
    }

    /// Runs commands that must be done, and ones that must be refused with their exit codes.
    fn commands(&self, commands: &[(&str, i32)]) -> Result<()> {
        for (command, code) in commands {
            let output = self.instance.attempt(command)?;
            if *code == 0 {
                output.success()?;
            } else {
                output.sentence(*code)?;
            }
        }
        Ok(())
    }
}

fn has(object: &Value, expected: &Value) -> Result<()> {
    for (field, value) in expected.as_object().into_iter().flatten() {
        ensure!(
            object[field] == *value,
            "{field} is not {value}: {object:#}"
        );
    }
    Ok(())
}

#[test]
fn a_tap_has_its_options_and_keeps_them() -> Result<()> {
    let mut host = host("")?;
    host.commands(&[
        (
            "port add --tap vm1 --network lan --vlan 21 --isolated --max-learned 5 --owner 1000",
            0,
        ),
        ("port set vm1 --trunk 30,40-42 --edge on --learning off", 0),
        ("port set vm1 --isolated off", 0),
    ])?;
    let expected = json!({
        "kind": "tap", "state": "forwarding", "vlan": 21, "trunk": [30, 40, 41, 42],
        "isolated": false, "edge": true, "learning": false, "max_learned": 5, "learned": 0,
    });
    has(&host.port("vm1")?, &expected)?;
    let owner = host.ns.run("ip -details link show vm1")?.stdout;
    ensure!(
        owner.contains("tun type tap") && owner.contains("persist on"),
        "{owner}"
    );
    host.instance.kill()?;
    host.instance.start()?;
    has(&host.port("vm1")?, &expected)?;
    host.commands(&[("port del vm1", 0), ("port del vm1", 1)])?;
    ensure!(!host.ns.interfaces()?.contains(&"vm1".to_owned()));
    Ok(())
}

#[test]
fn tenants_share_a_trunk() -> Result<()> {
    let host = host("trunk = [10]")?;
    host.commands(&[
        ("network add red --vlan 20 --ageing 60s", 0),
        ("port add p1 --network red --trunk 10", 2),
        ("port add p1 --network red --trunk 20,21", 0),
        ("port add p1 --network red --trunk 22", 1),
        ("port replace p1 --network red --trunk 20", 0),
        ("port set p1 --network red --trunk 20,22", 0),
    ])?;
    has(
        &host.port("p1")?,
        &json!({"trunk": [10, 20, 22], "network": "lan"}),
    )?;
    let red = host.instance.object("network show", "name", "red")?;
    has(
        &red,
        &json!({"ports": ["p1"], "vlan": 20, "ageing_seconds": 60}),
    )?;
    host.commands(&[("port del p1", 1), ("port del p1 --network red", 0)])?;
    has(&host.port("p1")?, &json!({"trunk": [10]}))
}

#[test]
fn a_bpdu_shuts_an_edge_port_until_it_is_opened() -> Result<()> {
    let host = host("edge = true")?;
    let bpdu = ethernet(BRIDGES, STATION, 0x26, &[0x42; 60]);
    RawSocket::open(&host.container, "e1")?.send(&bpdu)?;
    let state = |state: &'static str| {
        let is = || Ok(host.port("p1")?["state"] == state);
        eventually(state, TIMEOUT, is)
    };
    state("shut-by-bpdu")?;
    // Nothing but opening it does, not even a reload.
    host.commands(&[("reload", 0)])?;
    state("shut-by-bpdu")?;
    host.commands(&[("port set p1 --up", 0), ("port set p9 --up", 1)])?;
    state("forwarding")
}

#[test]
fn neighbours_are_added_replaced_and_deleted() -> Result<()> {
    let host = host("")?;
    host.commands(&[
        ("neigh add 10.0.0.9 02:00:00:00:00:09 --network lan", 0),
        ("neigh add 10.0.0.9 02:00:00:00:00:09 --network lan", 1),
        ("neigh replace 10.0.0.9 02:00:00:00:00:0a --network lan", 0),
        ("neigh replace 10.0.0.9 02:00:00:00:00:0a --network lan", 0),
        ("neigh add fd00::9 02:00:00:00:00:0a --network lan", 0),
        ("neigh flush --network lan", 0),
    ])?;
    let shown = host.instance.object("neigh show", "ip", "10.0.0.9")?;
    has(
        &shown,
        &json!({"network": "lan", "mac": "02:00:00:00:00:0a", "vlan": null, "flags": ["static"],
            "age_seconds": null}),
    )?;
    let filtered = host.instance.json("neigh show --mac 02:00:00:00:00:0a")?;
    ensure!(filtered.len() == 2, "{filtered:?}");
    host.commands(&[
        ("neigh del 10.0.0.9 --network lan", 0),
        ("neigh del 10.0.0.9 --network lan", 1),
        ("neigh del fd00::9 --network lan", 0),
        // The file has it.
        ("neigh del 10.0.0.7 --network lan", 1),
    ])?;
    ensure!(host.instance.json("neigh show")?.len() == 1);
    Ok(())
}

#[test]
fn stations_are_in_vlans() -> Result<()> {
    let host = host("trunk = [10, 20]")?;
    host.commands(&[
        ("fdb add 02:00:00:00:00:09 --network lan --port p1", 2),
        (
            "fdb add 02:00:00:00:00:09 --network lan --port p1 --vlan 30",
            2,
        ),
        (
            "fdb add 02:00:00:00:00:09 --network lan --port p1 --vlan 10 --static",
            0,
        ),
        (
            "fdb add 02:00:00:00:00:09 --network lan --port p1 --vlan 20",
            0,
        ),
        (
            "fdb add 02:00:00:00:00:09 --network lan --port p1 --vlan 20",
            1,
        ),
        ("fdb del 02:00:00:00:00:09 --network lan", 2),
    ])?;
    let of_vlan = host.instance.json("fdb show --vlan 20")?;
    ensure!(of_vlan.len() == 1, "{of_vlan:?}");
    has(&of_vlan[0], &json!({"vlan": 20, "port": "p1", "flags": []}))?;
    has(&host.port("p1")?, &json!({"learned": 1}))?;
    host.commands(&[
        ("fdb del 02:00:00:00:00:09 --network lan --vlan 20", 0),
        ("fdb del 02:00:00:00:00:09 --network lan", 0),
        ("fdb del 02:00:00:00:00:09 --network lan", 1),
    ])?;
    has(&host.port("p1")?, &json!({"learned": 0}))
}

#[test]
fn an_outside_port_is_promiscuous_while_it_is_a_port() -> Result<()> {
    let mut host = host("outside = true")?;
    let promiscuous = |host: &Host| -> Result<bool> {
        Ok(host.ns.run("ip link show p1")?.stdout.contains("PROMISC"))
    };
    ensure!(promiscuous(&host)?, "it is a port");
    has(&host.port("p1")?, &json!({"kind": "outside"}))?;
    let nothing = "[[network]]\nname = \"lan\"\n";
    host.instance.reload(nothing)?;
    eventually("no longer promiscuous", TIMEOUT, || {
        Ok(!promiscuous(&host)?)
    })
}

#[test]
fn a_promiscuous_port_that_is_renamed_is_let_go() -> Result<()> {
    let mut host = host("outside = true")?;
    let ns = host.ns.clone();
    let becomes = |name: &str, wanted: bool| {
        eventually("promiscuous as it should be", TIMEOUT, || {
            let link = ns.run(&format!("ip link show {name}"))?.stdout;
            Ok(link.contains("PROMISC") == wanted)
        })
    };
    let rename = |from: &str, to: &str| {
        ns.ip(&format!(
            "link set {from} down\nlink set {from} name {to}\nlink set {to} up"
        ))
    };
    becomes("p1", true)?;
    rename("p1", "p9")?;
    becomes("p9", false)?;
    rename("p9", "p1")?;
    becomes("p1", true)?;
    let of_p9 = host.instance.config()?.replace("\"p1\"", "\"p9\"");
    host.instance.kill()?;
    rename("p1", "p9")?;
    host.instance.write(&of_p9)?;
    host.instance.start()?;
    becomes("p9", true)?;
    host.instance.kill()?;
    rename("p9", "p1")?;
    host.instance.cleanup()?;
    becomes("p1", false)
}

#[test]
fn what_makes_no_sense_is_refused() -> Result<()> {
    let host = host("")?;
    host.commands(&[
        ("port add --tap vm1 --network lan --vlan 0", 2),
        ("port add --tap vm1 --network lan --vlan 4095", 2),
        ("port add --tap vm1 --network lan --trunk 20-10", 2),
        ("port add --tap vm1 --network lan --vlan 10 --tag-native", 2),
        ("port add --tap vm1 --network lan --netns c1 --name eth0", 2),
        ("port add p2 --network lan --owner 1", 2),
        ("port set p1", 2),
        ("port set p1 --isolated maybe", 2),
        // The file has it.
        ("port set p1 --isolated", 1),
        ("port set p9 --isolated", 1),
        ("network add red --ageing 9s", 2),
        (
            "network add red --multicast-querier --multicast-snooping off",
            2,
        ),
        ("neigh add 10.0.0.9 ff:ff:ff:ff:ff:ff --network lan", 2),
        (
            "neigh add 10.0.0.9 02:00:00:00:00:09 --network lan --vlan 10",
            2,
        ),
        ("neigh add 10.0.0.9 02:00:00:00:00:09 --network red", 1),
        ("port show --vlan 10", 2),
    ])
}
