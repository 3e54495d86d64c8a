//! What somebody does inside a container's namespace is that container's business: neither does it hold up
//! what concerns others, nor does netfwd take away what is the container's own.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    netns::Namespace,
    process::eventually,
    topology::Instance,
    traffic::{Ping, ping},
};

/// Within this a port that could not be had gets another try; asserted with room for a busy machine.
const AGAIN: Duration = Duration::from_secs(30);
const C1: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 11);
const C2: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 12);
const C3: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 13);
const C3_V6: &str = "fd00:3::13";

/// A host with a network of two containers, and a third container that is not in it yet.
struct Place {
    instance: Instance,
    host: Namespace,
    containers: [Namespace; 3],
}

impl Place {
    fn new() -> Result<Self> {
        let host = Namespace::new("h")?;
        let containers = [
            Namespace::new("c1")?,
            Namespace::new("c2")?,
            Namespace::new("c3")?,
        ];
        let instance = Instance::new(&host, &config(&host, &containers))?;
        let mut place = Self {
            instance,
            host,
            containers,
        };
        place.instance.start()?;
        Ok(place)
    }

    /// Adds a port for the third container, and looks whether it works.
    fn third_comes(&self) -> Result<()> {
        let netns = self.containers[2].name();
        self.instance.cli(&format!(
            "port add --netns {netns} --name eth0 --network blue --address {C3}/24"
        ))?;
        ping(&self.containers[2], C2, Ping::count(3))?.complete()?;
        Ok(())
    }

    fn waiting(&self) -> Result<String> {
        Ok(self.instance.json("status")?[0]["waiting"].to_string())
    }

    fn waits_for(&self, port: &str) -> Result<bool> {
        Ok(self.waiting()?.contains(port))
    }
}

/// The number of the host's end of a container's pair.
fn host_end(container: &Namespace, name: &str) -> Result<u64> {
    let links = container.run("ip -j link show")?.stdout;
    let links: Vec<Value> = serde_json::from_str(&links)?;
    let found = links.iter().find(|link| link["ifname"] == name);
    let index = found.and_then(|link| link["link_index"].as_u64());
    index.with_context(|| format!("no pair {name} in {links:?}"))
}

fn config(host: &Namespace, containers: &[Namespace; 3]) -> String {
    let port = |netns: &Namespace, address: Ipv4Addr, more: &str| {
        format!(
            "\n[[network.port]]\nnetns = \"{}\"\nname = \"eth0\"\naddresses = [\"{address}/24\"]\n{more}",
            netns.name()
        )
    };
    format!(
        "[host]\nname = \"{}\"\n\n[[network]]\nname = \"blue\"\n\n[network.gateway]\n\
         addresses = [\"10.0.3.1/24\", \"fd00:3::1/64\"]\n{}{}",
        host.name(),
        port(&containers[0], C1, "default_route = true\n"),
        port(&containers[1], C2, ""),
    )
}

#[test]
fn routes_and_addresses_of_a_containers_own_stay() -> Result<()> {
    let mut place = Place::new()?;
    let tenant = place.containers[0].clone();
    tenant.ip("addr add 10.99.0.5/24 dev eth0
         addr add 2001:db8::5/64 dev eth0 nodad
         route add default via 10.0.3.9 dev eth0 metric 50
         route add default via 10.0.3.8 dev eth0 proto dhcp metric 60
         route add ::/0 via fe80::9 dev eth0 proto ra metric 70")?;
    place.third_comes()?;
    let own = |tenant: &Namespace| -> Result<()> {
        let v4 = tenant.run("ip route show default")?.stdout;
        ensure!(
            ["10.0.3.1 ", "10.0.3.9 ", "10.0.3.8 "]
                .iter()
                .all(|via| v4.contains(via)),
            "{v4}"
        );
        let v6 = tenant.run("ip -6 route show default")?.stdout;
        ensure!(v6.contains("fe80::9"), "{v6}");
        let addresses = tenant.run("ip addr show dev eth0")?.stdout;
        ensure!(
            addresses.contains("10.99.0.5/24") && addresses.contains("2001:db8::5/64"),
            "{addresses}"
        );
        Ok(())
    };
    own(&tenant)?;
    ensure!(!place.waits_for("eth0")?);
    place.instance.stop()?;
    place.instance.start()?;
    own(&tenant)?;

    // What netfwd itself set goes with the configuration, and nothing else.
    let text = config(&place.host, &place.containers).replace("default_route = true\n", "");
    place
        .instance
        .reload(&text.replace("10.0.3.11/24", "10.0.3.21/24"))?;
    eventually("the route's end", AGAIN, || {
        let v4 = tenant.run("ip route show default")?.stdout;
        let addresses = tenant.run("ip addr show dev eth0")?.stdout;
        ensure!(v4.contains("10.0.3.9") && addresses.contains("10.99.0.5"));
        Ok(!v4.contains("10.0.3.1 ")
            && addresses.contains("10.0.3.21/24")
            && !addresses.contains("10.0.3.11/24"))
    })
}

#[test]
fn a_far_end_may_be_renamed() -> Result<()> {
    let place = Place::new()?;
    let tenant = &place.containers[0];
    let before = host_end(tenant, "eth0")?;
    tenant.ip("link set eth0 down
         link set eth0 name inside
         link add eth0 type veth peer name spare
         link set eth0 up")?;
    place.third_comes()?;
    ensure!(host_end(tenant, "inside")? == before, "it was made anew");
    ensure!(!place.waits_for("eth0")?);
    ping(tenant, C2, Ping::count(3))?.complete()?;
    Ok(())
}

#[test]
fn a_name_that_is_taken_is_waited_for() -> Result<()> {
    let mut place = Place::new()?;
    let tenant = place.containers[0].clone();
    let port = format!("port {}/eth0", tenant.name());
    tenant.ip("link del eth0
         link add eth0 type veth peer name spare")?;
    eventually("that it is told", AGAIN, || place.waits_for(&port))?;
    place.third_comes()?;
    place.instance.stop()?;
    place.instance.start()?;
    ensure!(place.waits_for(&port)?, "a start does not tell");
    ping(&place.containers[2], C2, Ping::count(3))?.complete()?;
    tenant.ip("link del eth0")?;
    eventually("the port's return", AGAIN, || Ok(!place.waits_for(&port)?))?;
    ping(&tenant, C2, Ping::count(3))?.complete()?;
    ping(&place.containers[1], C1, Ping::count(3))?.complete()?;
    Ok(())
}

#[test]
fn a_new_port_whose_name_is_taken_is_refused() -> Result<()> {
    let place = Place::new()?;
    let netns = place.containers[2].name();
    place.containers[2].ip("link add eth0 type veth peer name spare")?;
    let add = format!("port add --netns {netns} --name eth0 --network blue --address {C3}/24");
    let refused = place.instance.attempt(&add)?;
    let sentence = refused.sentence(1)?;
    for words in [
        format!("make interface eth0 in network namespace {netns}: File exists"),
        "rename or remove the one that is there".to_owned(),
    ] {
        ensure!(sentence.contains(&words), "{sentence}");
    }
    ensure!(!place.waits_for("eth0")?);
    place.containers[2].ip("link del eth0")?;
    place.third_comes()
}

/// IPv6 is off in a container: the kernel refuses it addresses.
fn without_ipv6() -> Result<Place> {
    let place = Place::new()?;
    let off = "sysctl -qw net.ipv6.conf.default.disable_ipv6=1";
    place.containers[2].run(off)?;
    Ok(place)
}

/// A port for the third container, of both families.
fn third(tenant: &Namespace) -> String {
    format!(
        "\n[[network.port]]\nnetns = \"{}\"\nname = \"eth0\"\naddresses = [\"{C3}/24\", \"{C3_V6}/64\"]\n",
        tenant.name()
    )
}

#[test]
fn a_port_of_a_reload_that_cannot_be_set_is_waited_for() -> Result<()> {
    let place = without_ipv6()?;
    let (before, tenant) = (place.instance.config()?, &place.containers[2]);
    let red = "\n[[network]]\nname = \"red\"\n";
    place.instance.write(&(before.clone() + red))?;
    place.instance.cli("reload")?;
    place.instance.write(&(before + &third(tenant)))?;
    place.instance.cli("reload")?;
    let port = format!("port {}/eth0", tenant.name());
    ensure!(place.waits_for(&port)?, "nobody is told");
    let networks = place.instance.json("network show")?;
    ensure!(networks.len() == 1, "{networks:?}");
    ping(&place.containers[0], C2, Ping::count(3))?.complete()?;
    tenant.run("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0")?;
    eventually("the port's address", AGAIN, || Ok(!place.waits_for(&port)?))?;
    let addresses = tenant.run("ip addr show dev eth0")?.stdout;
    ensure!(addresses.contains(C3_V6), "{addresses}");
    ping(tenant, C2, Ping::count(3))?.complete()?;
    Ok(())
}

#[test]
fn a_port_of_a_command_that_cannot_be_set_is_refused() -> Result<()> {
    let place = without_ipv6()?;
    let netns = place.containers[2].name();
    let add = format!("port add --netns {netns} --name eth0 --network blue --address {C3_V6}/64");
    let refused = place.instance.attempt(&add)?;
    let sentence = refused.sentence(1)?;
    let setting = "net.ipv6.conf.eth0.disable_ipv6 to 0";
    ensure!(
        sentence.contains(C3_V6) && sentence.contains(setting),
        "{refused}"
    );
    ensure!(!place.waits_for("eth0")?);
    ensure!(place.instance.json("port show")?.len() == 2);
    place.third_comes()
}

/// The kernel says the same as to somebody who is not root, whom it would not help to become root.
#[test]
fn that_ipv6_is_off_is_told_with_what_helps() -> Result<()> {
    let place = Place::new()?;
    let (before, tenant) = (place.instance.config()?, &place.containers[2]);
    tenant.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")?;
    place.instance.write(&(before + &third(tenant)))?;
    place.instance.cli("reload")?;
    let waiting = place.waiting()?;
    for words in [
        format!("port {}/eth0", tenant.name()),
        format!("add address {C3_V6}/64"),
        "IPv6 is switched off there".to_owned(),
        "set net.ipv6.conf.all.disable_ipv6 to 0".to_owned(),
        "out of the configuration".to_owned(),
    ] {
        ensure!(waiting.contains(&words), "{words}: {waiting}");
    }
    ensure!(!waiting.contains("as root"), "{waiting}");
    tenant.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=0")?;
    eventually(
        "the port's address",
        AGAIN,
        || Ok(!place.waits_for("eth0")?),
    )?;
    let addresses = tenant.run("ip addr show dev eth0")?.stdout;
    ensure!(addresses.contains(C3_V6), "{addresses}");
    Ok(())
}
