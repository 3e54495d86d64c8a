//! Address translation by command: publishes, floating addresses, masquerade and sessions; what is shown,
//! what is refused, and how.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{
    netns::Namespace,
    process::{TIMEOUT, eventually},
    topology::Instance,
    traffic::{Ping, ping},
};

const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);

/// A host with an uplink to somebody outside, and a container on network `blue`.
struct Host {
    instance: Instance,
    ns: Namespace,
    container: Namespace,
    _outside: Namespace,
}

fn host() -> Result<Host> {
    let (ns, container) = (Namespace::new("hs")?, Namespace::new("cn")?);
    let outside = Namespace::new("os")?;
    ns.ip(&format!(
        "link add up0 type veth peer name eth0 netns {}\nlink set up0 up\naddr add 192.0.2.1/24 dev up0\n\
         addr add 2001:db8::1/64 dev up0 nodad",
        outside.name()
    ))?;
    outside.ip("link set eth0 up\naddr add 192.0.2.100/24 dev eth0")?;
    let mut instance = Instance::new(&ns, &config(container.name(), "192.0.2.20"))?;
    instance.start()?;
    Ok(Host {
        instance,
        ns,
        container,
        _outside: outside,
    })
}

fn config(container: &str, external: &str) -> String {
    format!(
        "[host]\nuplinks = [\"up0\"]\n[[network]]\nname = \"blue\"\n[network.gateway]\ndevice = \"gw0\"\n\
         addresses = [\"10.0.3.1/24\", \"fd00:3::1/64\"]\nmasquerade = true\n\
         [[network.port]]\nnetns = \"{container}\"\nname = \"eth0\"\naddresses = [\"10.0.3.20/24\"]\ndefault_route = true\n\
         [[network.publish]]\nlisten = \"80-81/tcp\"\nto = [\"10.0.3.20:8080\", \"10.0.3.21:8080\"]\n\
         [[network.floating]]\nexternal = \"{external}\"\ninternal = \"10.0.3.22\"\n"
    )
}

impl Host {
    fn done(&self, commands: &[&str]) -> Result<()> {
        commands
            .iter()
            .try_for_each(|command| self.instance.cli(command).map(drop))
    }

    /// Runs commands that must be refused with an exit code and a sentence that says something.
    fn refused(&self, commands: &[(&str, i32, &str)]) -> Result<()> {
        for (command, code, says) in commands {
            let output = self.instance.attempt(command)?;
            let sentence = output.sentence(*code)?;
            ensure!(sentence.contains(says), "{command}: {sentence}");
        }
        Ok(())
    }

    fn sessions(&self, filter: &str) -> Result<usize> {
        Ok(self.instance.json(&format!("session show {filter}"))?.len())
    }
}

#[test]
fn publishes_have_several_targets() -> Result<()> {
    let host = host()?;
    host.done(&[
        "publish add 90/tcp --to 10.0.3.20:90 --to 10.0.3.21:91 --affinity source --network blue",
        "publish add 90/tcp --to [fd00:3::20]:90 --network blue",
        "publish add 192.0.2.1:3868/sctp --to 10.0.3.20:3868 --network blue",
    ])?;
    let row = host.instance.object("publish show", "listen", "90/tcp")?;
    let targets =
        json!([{"to": "10.0.3.20:90", "state": "up"}, {"to": "10.0.3.21:91", "state": "up"}]);
    ensure!(row["targets"] == targets, "{row:#}");
    ensure!(row["to"] == "10.0.3.20:90,10.0.3.21:91", "{row:#}");
    ensure!(
        row["affinity"] == "source" && row["sessions"] == 0,
        "{row:#}"
    );
    host.instance
        .object("publish show", "listen", "[::]:90/tcp")?;
    host.refused(&[
        ("publish add 91/tcp --network blue", 2, "--to"),
        ("publish del 90/tcp", 2, "is there over IPv4 and IPv6"),
        (
            "publish add 91/sctp --to 10.0.3.20:92 --network blue",
            2,
            "which SCTP does not allow",
        ),
        (
            "publish add 91/tcp --to 10.0.9.20:92 --network blue",
            2,
            "is in no subnet",
        ),
        (
            "publish replace 80-81/tcp --to 10.0.3.20:1 --network blue",
            1,
            "is declared at",
        ),
    ])?;
    host.done(&[
        "publish del [::]:90/tcp",
        "publish replace 90/tcp --to 10.0.3.20:90 --network blue",
        "publish del 90/tcp",
    ])?;
    ensure!(host.instance.json("publish show")?.len() == 2);
    Ok(())
}

#[test]
fn floating_addresses_come_and_go() -> Result<()> {
    let host = host()?;
    host.done(&[
        "floating add 192.0.2.30 --to 10.0.3.20 --network blue",
        "floating add 2001:db8::30 --to fd00:3::20 --network blue --uplink up0",
    ])?;
    let row = host
        .instance
        .object("floating show", "external", "192.0.2.30")?;
    let wanted = json!({"external": "192.0.2.30", "internal": "10.0.3.20", "network": "blue",
        "uplink": "up0", "sessions": 0});
    ensure!(row == wanted, "{row:#}");
    host.refused(&[
        (
            "floating add 192.0.2.30 --to 10.0.3.21 --network blue",
            1,
            "exists already",
        ),
        (
            "floating add 192.0.2.31 --to 10.0.3.20 --network blue",
            2,
            "10.0.3.20 is already used",
        ),
        (
            "floating add 192.0.2.1 --to 10.0.3.21 --network blue",
            1,
            "this host's own, on up0",
        ),
        (
            "floating add 10.0.3.99 --to 10.0.3.21 --network blue",
            2,
            "is in a subnet of network blue",
        ),
        (
            "floating add 192.0.2.31 --to fd00:3::21 --network blue",
            2,
            "give it an IPv4 address",
        ),
        ("floating del 192.0.2.20", 1, "is declared at"),
        (
            "floating del 192.0.2.99",
            1,
            "floating address 192.0.2.99 does not exist",
        ),
        (
            "floating show --network red",
            1,
            "network red does not exist",
        ),
    ])?;
    host.done(&["floating del 2001:db8::30", "floating del 192.0.2.30"])
}

#[test]
fn floating_addresses_are_kept_and_change() -> Result<()> {
    let mut host = host()?;
    host.done(&["floating add 192.0.2.30 --to 10.0.3.20 --network blue"])?;
    host.instance.kill()?;
    ensure!(
        host.instance.json("floating show")?.len() == 2,
        "shown without a daemon"
    );
    host.instance.start()?;
    ensure!(
        host.instance.json("floating show --network blue")?.len() == 2,
        "kept"
    );
    host.done(&[
        "floating replace 192.0.2.30 --to 10.0.3.21 --network blue",
        "floating del 192.0.2.30",
    ])?;
    let moved = config(host.container.name(), "192.0.2.21");
    host.instance.write(&moved)?;
    host.done(&["reload"])?;
    host.instance
        .object("floating show", "external", "192.0.2.21")?;
    ensure!(host.instance.json("floating show")?.len() == 1);
    Ok(())
}

#[test]
fn networks_are_masqueraded_as_they_are_told() -> Result<()> {
    let host = host()?;
    host.done(&[
        "network add red --gateway 10.0.5.1/24 --masquerade",
        "network add green --gateway 10.0.6.1/24 --gateway fd00:6::1/64 --masquerade=192.0.2.40-192.0.2.43,ipv6",
        "network show",
    ])?;
    host.refused(&[
        (
            "network add bad --gateway 10.0.7.1/24 --masquerade=192.0.2.1,192.0.2.2",
            2,
            "is nothing to masquerade as",
        ),
        (
            "network add bad --gateway 10.0.7.1/24 --masquerade=ipv6",
            2,
            "needs an IPv6 address",
        ),
        (
            "network add bad --gateway 10.0.7.1/24 --masquerade=10.0.3.9",
            2,
            "is in a subnet of network blue",
        ),
        ("network add bad --masquerade", 2, "needs a gateway"),
    ])
}

#[test]
fn sessions_are_shown_and_flushed_by_what_they_are() -> Result<()> {
    let host = host()?;
    ping(&host.container, OUTSIDE, Ping::count(2))?.complete()?;
    let rows = host
        .instance
        .json("session show --kind masquerade --proto icmp --network blue")?;
    ensure!(rows.len() == 1 && rows[0]["network"] == "blue", "{rows:#?}");
    let outside_src = rows[0]["outside_src"].as_str().unwrap_or_default();
    ensure!(outside_src.starts_with("192.0.2.1:"), "{outside_src}");
    for (filter, count) in [
        ("--src 10.0.3.0/24", 1),
        (&format!("--src {outside_src}"), 1),
        ("--dst 192.0.2.100 --proto 1", 1),
        ("--dst 192.0.2.0/28", 0),
        ("--src 10.0.3.20:1", 0),
        ("--kind floating", 0),
        ("--proto sctp", 0),
    ] {
        ensure!(host.sessions(filter)? == count, "{filter}");
    }
    host.refused(&[
        ("session show --proto 256", 2, "is no protocol of sessions"),
        ("session flush --src 10.0.3", 2, "is no end of a session"),
        (
            "session flush --network red",
            1,
            "network red does not exist",
        ),
    ])?;
    let flushed = |filter: &str| host.instance.json(&format!("session flush {filter}"));
    ensure!(flushed("--kind publish")? == [json!({"flushed": 0})]);
    ensure!(flushed("--dst 192.0.2.100")? == [json!({"flushed": 1})]);
    ensure!(host.sessions("")? == 0);
    Ok(())
}

#[test]
fn an_address_that_the_uplink_loses_takes_its_sessions_along() -> Result<()> {
    let host = host()?;
    ping(&host.container, OUTSIDE, Ping::count(2))?.complete()?;
    ensure!(host.sessions("")? == 1);
    host.ns
        .ip("addr del 192.0.2.1/24 dev up0\naddr add 192.0.2.2/24 dev up0")?;
    eventually("the session ends", TIMEOUT, || Ok(host.sessions("")? == 0))?;
    ping(&host.container, OUTSIDE, Ping::count(2))?.complete()?;
    let rows: Vec<Value> = host.instance.json("session show")?;
    ensure!(rows.len() == 1, "{rows:#?}");
    let source = rows[0]["outside_src"].as_str().unwrap_or_default();
    ensure!(source.starts_with("192.0.2.2:"), "{source}");
    Ok(())
}
