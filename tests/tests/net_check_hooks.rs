//! `netfwd check` names what others have at the hooks of uplinks and ports, and what it says of them is so.

use anyhow::{Result, ensure};
use aya::programs::{TcAttachType, XdpMode};
use tests::{
    findings::{Findings, remedy},
    foreign::Foreign,
    netns::Namespace,
    topology::{Container, Instance, Stack, TwoHosts, veth},
    traffic::{Ping, Report, ping},
};

/// A filter that takes every frame away.
const SWALLOWS: &str = "u32 match u32 0 0 action mirred egress redirect dev lo";

fn echo(from: &Container, to: &Container) -> Result<Report> {
    let patience = std::time::Duration::from_millis(500);
    let echoes = Ping {
        patience,
        ..Ping::count(3)
    };
    ping(&from.ns, to.address, echoes)
}

#[test]
fn a_program_in_front_is_named() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    echo(&hosts.c2, &hosts.c1)?.complete()?;
    Findings::of(hosts.a.netfwd()?)?.none(&["netfwd", "TCX, program"])?;
    let foreign = Foreign::tcx(&hosts.a.ns, "veth-c2", TcAttachType::Ingress, true)?;
    echo(&hosts.c2, &hosts.c1)?.none()?;
    let words = ["veth-c2", "at ingress", "port_ingress", "before netfwd"];
    Findings::of(hosts.a.netfwd()?)?.one("warning", &words)?;
    drop(foreign);
    echo(&hosts.c2, &hosts.c1)?.complete()?;
    Findings::of(hosts.a.netfwd()?)?.none(&["before netfwd"])
}

#[test]
fn what_is_there_before_the_start_comes_in_front() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let a = hosts.a.netfwd()?;
    a.kill()?;
    a.cleanup()?;
    let _foreign = Foreign::tcx(&hosts.a.ns, "veth-c2", TcAttachType::Ingress, false)?;
    let words = ["veth-c2", "at ingress", "before netfwd"];
    Findings::of(hosts.a.netfwd()?)?.one("warning", &words)?;
    hosts.a.netfwd()?.start()?;
    echo(&hosts.c2, &hosts.c1)?.none()?;
    Findings::of(hosts.a.netfwd()?)?.one("warning", &words)?;
    Ok(())
}

#[test]
fn what_stands_behind_sees_nothing_and_is_named() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let a = hosts.a.ns.clone();
    let foreign = Foreign::tcx(&a, "up0", TcAttachType::Egress, false)?;
    let words = ["up0", "at egress", "behind netfwd", "TCX"];
    Findings::of(hosts.a.netfwd()?)?.one("warning", &words)?;
    drop(foreign);
    a.run("tc qdisc add dev veth-c2 clsact")?;
    a.run(&format!(
        "tc filter add dev veth-c2 ingress pref 7 {SWALLOWS}"
    ))?;
    echo(&hosts.c2, &hosts.c1)?.complete()?;
    let words = ["veth-c2", "at ingress", "behind netfwd", "u32"];
    let findings = Findings::of(hosts.a.netfwd()?)?;
    remedy(&a, findings.one("warning", &words)?)?;
    Findings::of(hosts.a.netfwd()?)?.none(&["behind netfwd"])
}

#[test]
fn what_is_passed_by_is_named() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let a = hosts.a.ns.clone();
    a.run("tc qdisc add dev veth-c2 clsact")?;
    a.run(&format!(
        "tc filter add dev veth-c2 egress protocol ip pref 7 {SWALLOWS}"
    ))?;
    echo(&hosts.c1, &hosts.c2)?.complete()?;
    let findings = Findings::of(hosts.a.netfwd()?)?;
    let words = ["veth-c2", "at egress", "floods alone"];
    remedy(&a, findings.one("warning", &words)?)?;
    Findings::of(hosts.a.netfwd()?)?.none(&["floods alone"])
}

const NATIVE: &str = "\
[host]
uplinks = [\"up0\"]
xdp = \"MODE\"

[[network]]
name = \"blue\"

  [[network.port]]
  interface = \"p0\"
";

#[test]
fn an_xdp_program_in_the_way_is_named() -> Result<()> {
    let (host, far) = (Namespace::new("h")?, Namespace::new("far")?);
    for name in ["up0", "p0"] {
        veth(&host, name, &far, name)?;
    }
    let mut instance = Instance::new(&host, &NATIVE.replace("MODE", "native"))?;
    let foreign = Foreign::xdp(&host, "up0", XdpMode::Driver)?;
    let words = ["up0", "uplink_xdp", "in the driver", "cannot be attached"];
    Findings::of(&instance)?.one("error", &words)?;
    ensure!(instance.start().is_err(), "it starts all the same");
    instance.write(&NATIVE.replace("MODE", "off"))?;
    Findings::of(&instance)?.one("warning", &words[..3])?;
    instance.write(&NATIVE.replace("MODE", "native"))?;
    drop(foreign);
    instance.start()?;
    Findings::of(&instance)?.none(&["uplink_xdp"])?;
    let _foreign = Foreign::xdp(&host, "p0", XdpMode::Skb)?;
    Findings::of(&instance)?.one("warning", &["p0", "uplink_xdp", "in the stack"])?;
    Ok(())
}
