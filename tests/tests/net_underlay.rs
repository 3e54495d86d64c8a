//! VTEPs, peers with UDP ports, and groups: what commands change, what `show` says, and what stays on the
//! host's interfaces.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{netns::Namespace, topology::Instance};

const HOST: &str = "\
[host]
uplinks = [\"up0\"]
vtep = [\"172.31.0.1\", \"fd00:31::1\"]
xdp = \"off\"
";

/// A host with an uplink that has an address of either family.
struct Host {
    ns: Namespace,
    instance: Instance,
}

impl Host {
    fn new() -> Result<Self> {
        let ns = Namespace::new("u")?;
        ns.ip("link add up0 type veth peer name wire
             addr add 172.31.0.1/24 dev up0
             addr add fd00:31::1/64 dev up0 nodad
             link set up0 up
             link set wire up")?;
        let mut instance = Instance::new(&ns, HOST)?;
        instance.start()?;
        Ok(Self { ns, instance })
    }

    /// What the kernel says that the uplink has joined.
    fn has_joined(&self, group: &str) -> Result<bool> {
        let groups = self.ns.run("ip maddr show dev up0")?.stdout;
        Ok(groups.split_whitespace().any(|word| word == group))
    }

    fn peer(&self, address: &str) -> Result<Value> {
        self.instance.object("peer show", "address", address)
    }
}

fn has(object: &Value, expected: &Value) -> Result<()> {
    for (field, value) in expected.as_object().into_iter().flatten() {
        ensure!(
            object[field] == *value,
            "{field} is not {value} in {object}"
        );
    }
    Ok(())
}

#[test]
fn peers_see_the_vtep_of_their_family_by_the_companion_of_their_port() -> Result<()> {
    let host = Host::new()?;
    let netfwd = &host.instance;
    netfwd.cli("network add blue --vni 200 --peer 172.31.0.2 --peer [fd00:31::3]:8472")?;
    netfwd.cli("peer add 172.31.0.4:8472 --network blue")?;
    has(
        &host.peer("172.31.0.2")?,
        &json!({"l4_port": 4789, "source": "172.31.0.1", "kind": "peer", "state": "unknown"}),
    )?;
    has(
        &host.peer("fd00:31::3")?,
        &json!({"l4_port": 8472, "source": "fd00:31::1", "networks": ["blue"]}),
    )?;
    has(&host.peer("172.31.0.4")?, &json!({"l4_port": 8472}))?;
    let blue = netfwd.object("network show", "name", "blue")?;
    has(
        &blue,
        &json!({"mtu": 1430, "group": null, "unknown_sources": "drop"}),
    )?;
    let status = &netfwd.json("status")?[0]["interfaces"];
    let ports = status.as_array().into_iter().flatten();
    let ports: Vec<_> = ports.filter(|hook| !hook["l4_port"].is_null()).collect();
    ensure!(ports.len() == 2, "not two companions: {ports:?}");
    has(ports[0], &json!({"interface": "nfvx0", "l4_port": 4789}))?;
    has(ports[1], &json!({"interface": "nfvx8472", "l4_port": 8472}))?;
    netfwd.cli("peer del 172.31.0.4 --network blue")?;
    netfwd.cli("network del blue")?;
    let links = host.ns.run("ip link show")?.stdout;
    ensure!(!links.contains("nfvx"), "companions are left: {links}");
    Ok(())
}

#[test]
fn groups_are_joined_while_a_network_has_them() -> Result<()> {
    let mut host = Host::new()?;
    for (vni, group, scope) in [(200, "239.1.1.1", "host"), (201, "ff05::100", "site")] {
        let add = format!("network add blue --vni {vni} --group {group}");
        host.instance.cli(&add)?;
        ensure!(host.has_joined(group)?, "{group} is not joined");
        let expected = json!({"kind": "group", "networks": ["blue"]});
        has(&host.peer(group)?, &expected)?;
        let blue = host.instance.object("network show", "name", "blue")?;
        let expected = json!({"group": group, "peers": [], "unknown_sources": "accept"});
        has(&blue, &expected)?;
        // Whoever takes it away while nobody looks has it back.
        host.instance.kill()?;
        let flush = format!("addr flush dev up0 scope {scope}");
        host.ns.ip(&flush)?;
        ensure!(!host.has_joined(group)?, "{group} was not left");
        host.instance.start()?;
        ensure!(host.has_joined(group)?, "{group} is not joined again");
        host.instance.cli("network del blue")?;
        ensure!(!host.has_joined(group)?, "{group} is left joined");
    }
    Ok(())
}

#[test]
fn groups_are_left_after_a_crash_too() -> Result<()> {
    let mut host = Host::new()?;
    // Somebody else's stays.
    host.ns.ip("addr add 239.9.9.9/32 dev up0 autojoin")?;
    host.instance
        .cli("network add blue --vni 200 --group 239.1.1.1")?;
    host.instance
        .cli("network add red --vni 300 --group ff05::100")?;
    host.instance
        .cli("network add green --vni 400 --group 239.9.9.9")?;
    host.instance.kill()?;
    ensure!(host.has_joined("239.1.1.1")?, "the join needs the daemon");
    host.instance.cli("cleanup")?;
    let joined = |group| host.has_joined(group);
    ensure!(
        !joined("239.1.1.1")? && !joined("ff05::100")?,
        "left joined"
    );
    ensure!(joined("239.9.9.9")?, "somebody else's group is gone");
    let routes = host.ns.run("ip -6 route show table local")?.stdout;
    ensure!(!routes.contains("ff05::100"), "a route is left: {routes}");
    Ok(())
}

#[test]
fn what_cannot_be_is_refused_in_one_sentence() -> Result<()> {
    let host = Host::new()?;
    host.instance.cli("network add blue --vni 200")?;
    let bad = [
        (
            "peer add 239.1.1.1 --network blue",
            2,
            "is not a peer's address",
        ),
        (
            "peer add 172.31.0.2:0 --network blue",
            2,
            "is not a peer's address",
        ),
        (
            "peer add 172.31.0.1 --network blue",
            1,
            "is this host's own VTEP",
        ),
        ("peer del 172.31.0.9 --network blue", 1, "does not exist"),
        (
            "network add red --vni 201 --group 10.0.0.1",
            2,
            "a multicast address",
        ),
        (
            "network add red --group 239.1.1.1",
            2,
            "has group 239.1.1.1 but no VNI",
        ),
        (
            "network add red --vni 201 --vtep 172.31.0.7",
            2,
            "is none of [host]; use",
        ),
        (
            "network add red --vni 201 --unknown-sources maybe",
            2,
            "use accept or drop",
        ),
    ];
    for (command, code, words) in bad {
        let output = host.instance.attempt(command)?;
        let said = format!("{output}");
        ensure!(
            output.code == Some(code) && said.contains(words),
            "not code {code} and {words}: {said}"
        );
    }
    Ok(())
}
