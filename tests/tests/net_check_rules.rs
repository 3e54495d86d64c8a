//! `netfwd check` names the rules of others that stand in the way: with them the traffic fails, and the
//! remedy mends it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tests::{
    findings::{Findings, remedy},
    netns::Namespace,
    process,
    topology::{Container, Instance, OUTSIDE, Stack, TwoHosts, veth},
    traffic::{Ping, Report, ping},
};

/// Tables that drop VXLAN on its way through the host's stack, and the words of their finding.
const DROPPING: [(&str, [&str; 2]); 5] = [
    (
        "table inet f { chain i { type filter hook input priority 0; policy drop;
            iif lo accept
            ct state established,related accept
            tcp dport 22 accept
        }; }",
        ["chain inet f i", "from peer 172.31.0.1"],
    ),
    (
        "table ip f { chain INPUT { type filter hook input priority 0; policy accept;
            iifname \"up0\" udp dport 4000-5000 counter drop
        }; }",
        ["chain ip f INPUT", "from peer 172.31.0.1"],
    ),
    (
        "table ip f { chain more { ip saddr 172.31.0.0/24 jump most
            }; chain most { meta l4proto udp reject
            }; chain i { type filter hook input priority 0; jump more
        }; }",
        ["chain ip f i", "from peer 172.31.0.1"],
    ),
    (
        "table inet f { chain raw { type filter hook prerouting priority raw;
            ct state vmap { established : accept, invalid : drop }
            udp dport { 53, 4789 } drop
        }; }",
        ["chain inet f raw", "from peer 172.31.0.1"],
    ),
    (
        "table inet f { chain o { type filter hook output priority 0; policy drop;
            oifname \"lo\" accept
        }; }",
        ["chain inet f o", "to peer 172.31.0.1"],
    ),
];

/// Tables that take VXLAN, or may take it for what is known beforehand.
const PASSING: [&str; 4] = [
    "table inet f { chain i { type filter hook input priority 0; policy drop;
        ip saddr 172.31.0.1 udp dport 4789 accept
    }; }",
    "table inet f { chain i { type filter hook input priority 0; policy drop;
        meta mark 0 accept
    }; }",
    "table bridge f { chain i { type filter hook input priority 0; policy drop; }; }",
    "table inet f { chain i { type filter hook input priority 0;
        ip saddr 172.31.0.9 drop
        udp sport 53 drop
        udp dport 8472 drop
    }; }",
];

/// Echoes for which `from` has to ask who `to` is: the question is flooded to the other host.
fn ask(from: &Container, to: &Container) -> Result<Report> {
    // An asked one that still knows who asks would look again whether it is there, and tell so itself.
    for container in [from, to] {
        container.ns.run("ip neigh flush dev eth0")?;
    }
    let patience = Duration::from_secs(1);
    let echoes = Ping {
        patience,
        ..Ping::count(2)
    };
    ping(&from.ns, to.address, echoes)
}

/// Echoes that come to host b through its stack, or leave it so.
fn through_b(hosts: &TwoHosts, inwards: bool) -> Result<Report> {
    if inwards {
        ask(&hosts.c1, &hosts.c3)
    } else {
        ask(&hosts.c3, &hosts.c1)
    }
}

#[test]
fn what_drops_vxlan_is_named_and_mended() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let b = hosts.b.ns.clone();
    for (ruleset, [chain, peer]) in DROPPING {
        b.nft(ruleset)?;
        let findings = Findings::of(hosts.b.netfwd()?)?;
        let finding = findings.one("warning", &[chain, peer, "UDP port 4789"])?;
        let inwards = peer.starts_with("from");
        through_b(&hosts, inwards)?.none().context(chain)?;
        remedy(&b, finding)?;
        through_b(&hosts, inwards)?.complete().context(chain)?;
        Findings::of(hosts.b.netfwd()?)?.none(&["drops VXLAN"])?;
        b.nft("flush ruleset")?;
    }
    Ok(())
}

#[test]
fn what_lets_vxlan_pass_is_not_named() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let b = hosts.b.ns.clone();
    for ruleset in PASSING {
        b.nft(ruleset)?;
        Findings::of(hosts.b.netfwd()?)?.none(&["drops VXLAN"])?;
        through_b(&hosts, true)?.complete().context(ruleset)?;
        b.nft("flush ruleset")?;
    }
    Ok(())
}

/// A network whose gateway does not masquerade.
const ROUTED: &str = "\
[host]
uplinks = [\"up1\"]

[[network]]
name = \"blue\"

  [network.gateway]
  device = \"gw-blue\"
  addresses = [\"10.0.3.1/24\"]

  [[network.port]]
  netns = \"NETNS\"
  name = \"eth0\"
  addresses = [\"10.0.3.11/24\"]
  default_route = true
";

#[test]
fn what_the_stack_routes_is_named_and_mended() -> Result<()> {
    let (host, c1) = (Namespace::new("h")?, Namespace::new("c1")?);
    let outside = Namespace::new("out")?;
    veth(&host, "up1", &outside, "eth0")?;
    host.ip("addr add 192.168.99.1/24 dev up1")?;
    outside.ip("addr add 192.168.99.100/24 dev eth0\nroute add 10.0.3.0/24 via 192.168.99.1")?;
    let mut instance = Instance::new(&host, &ROUTED.replace("NETNS", c1.name()))?;
    instance.start()?;
    let echoes = || ping(&c1, OUTSIDE, Ping::count(2));
    let findings = Findings::of(&instance)?;
    findings.one(
        "info",
        &["network blue", "10.0.3.0/24", "net.ipv4.ip_forward"],
    )?;
    echoes()?.none()?;
    host.sysctl("net/ipv4/ip_forward", "1")?;
    echoes()?.complete()?;
    Findings::of(&instance)?.none(&["10.0.3.0/24"])?;
    host.nft(
        "table ip d { chain FORWARD { type filter hook forward priority 0; policy drop; }; }",
    )?;
    echoes()?.none()?;
    let findings = Findings::of(&instance)?;
    for way in ["from subnet 10.0.3.0/24", "to subnet 10.0.3.0/24"] {
        remedy(
            &host,
            findings.one("warning", &["chain ip d FORWARD", way])?,
        )?;
    }
    echoes()?.complete()?;
    Findings::of(&instance)?.none(&["10.0.3.0/24"])
}

#[test]
fn a_host_without_nft_is_told_so_once() -> Result<()> {
    let host = Namespace::new("h")?;
    let instance = Instance::new(&host, &ROUTED.replace("NETNS", "nosuch"))?;
    let mut command = host.command(tests::built::netfwd()?);
    command
        .args(["-j", "check", "--config"])
        .arg(instance.config_path());
    command.env("PATH", "/nonexistent");
    let output = process::run(command, process::TIMEOUT)?;
    let findings: Vec<serde_json::Value> = serde_json::from_str(&output.stdout)?;
    let about: Vec<_> = findings
        .iter()
        .filter(|f| f["object"] == "packet filter")
        .collect();
    ensure!(
        about.len() == 1 && about[0].to_string().contains("nft"),
        "{about:?}"
    );
    Ok(())
}
