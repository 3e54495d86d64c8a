//! Changes at run time: `add`, `replace` and `del`.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Result, ensure};
use tests::{
    netns::Namespace,
    topology::{OUTSIDE, Stack, TwoHosts, veth},
    traffic::{Ping, WhoAmI, ask_tcp, ping},
};

#[test]
fn add_replace_and_del_keep_their_promises() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    veth(&hosts.a.ns, "veth-c5", &hosts.outside, "c5")?;
    let instance = hosts.a.netfwd()?;
    let station = "02:00:00:00:00:09 --network blue";
    for (add, replace, del) in [
        (
            format!("fdb add {station} --port veth-c2 --static"),
            Some(format!("fdb replace {station} --peer 172.31.0.2 --static")),
            format!("fdb del {station}"),
        ),
        (
            "peer add 172.31.0.9 --network blue".into(),
            Some("peer replace 172.31.0.9 --network blue".into()),
            "peer del 172.31.0.9 --network blue".into(),
        ),
        (
            "publish add 8100/tcp --to 10.0.3.12:80 --network blue".into(),
            Some("publish replace 8100/tcp --to 10.0.3.11:80 --network blue".into()),
            "publish del 8100/tcp".into(),
        ),
        (
            "port add veth-c5 --network blue".into(),
            Some("port replace veth-c5 --network blue --isolated".into()),
            "port del veth-c5".into(),
        ),
        (
            "network add red --vni 300 --gateway 10.0.4.1/24 --masquerade --peer 172.31.0.2".into(),
            None,
            "network del red".into(),
        ),
    ] {
        instance.cli(&add)?;
        instance.attempt(&add)?.sentence(1)?;
        if let Some(replace) = replace {
            instance.cli(&replace)?;
            instance.cli(&replace)?;
        }
        instance.cli(&del)?;
        instance.attempt(&del)?.sentence(1)?;
    }
    Ok(())
}

#[test]
fn usage_errors_are_told_from_failures() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let instance = hosts.a.netfwd()?;
    let station = "02:00:00:00:00:09 --network blue";
    for (command, code) in [
        (
            "fdb add nonsense --network blue --port veth-c2".to_owned(),
            2,
        ),
        (
            "publish add 8100/sctp --to 10.0.3.12:80 --network blue".into(),
            2,
        ),
        ("publish add 8100/tcp --to nowhere --network blue".into(), 2),
        (format!("fdb add {station} --port veth-c9"), 1),
        ("peer add 172.31.0.9 --network red".into(), 1),
        ("port add veth-c9 --network blue".into(), 1),
        // What the file says only the file can take back.
        ("port del veth-c2".into(), 1),
    ] {
        instance.attempt(&command)?.sentence(code)?;
    }
    Ok(())
}

#[test]
fn what_is_added_takes_effect_and_ends_with_its_deletion() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let _server = WhoAmI::start(&hosts.c2.ns, hosts.c2.address, 80)?;
    let (outside, listener) = (hosts.outside.clone(), (hosts.a.address, 8101));
    let c5 = Namespace::new("c5")?;
    let made = format!("port add --netns {} --name eth0 --network blue", c5.name());
    let instance = hosts.a.netfwd()?;
    instance.cli("publish add 8101/tcp --to 10.0.3.12:80 --network blue")?;
    ensure!(ask_tcp(&outside, listener)?.ip() == OUTSIDE);
    instance.cli("publish del 8101/tcp")?;
    ensure!(ask_tcp(&outside, listener).is_err());
    instance.cli(&format!("{made} --address 10.0.3.15/24 --default-route"))?;
    ping(&c5, hosts.c3.address, Ping::count(5))?.complete()?;
    ping(&c5, OUTSIDE, Ping::count(5))?.complete()?;
    hosts
        .a
        .netfwd()?
        .cli(&format!("port del {}/eth0", c5.name()))?;
    ensure!(c5.interfaces()? == ["lo"]);
    Ok(())
}

#[test]
fn a_port_is_isolated_and_let_go_again() -> Result<()> {
    let mut hosts = TwoHosts::new(Stack::Netfwd)?;
    let [c5, c6] = [(Namespace::new("c5")?, 15), (Namespace::new("c6")?, 16)];
    let instance = hosts.a.netfwd()?;
    for (container, last) in [&c5, &c6] {
        let name = container.name();
        instance.cli(&format!(
            "port add --netns {name} --name eth0 --network blue --address 10.0.3.{last}/24"
        ))?;
    }
    let c6_address: Ipv4Addr = [10, 0, 3, 16].into();
    ping(&c5.0, c6_address, Ping::count(3))?.complete()?;
    for (container, _) in [&c5, &c6] {
        instance.cli(&format!("port set {}/eth0 --isolated", container.name()))?;
    }
    let slow = Ping::count(3).every(Duration::from_millis(700));
    ping(&c5.0, c6_address, slow)?;
    ping(&c5.0, c6_address, Ping::count(3))?.none()?;
    ping(&c5.0, hosts.c3.address, Ping::count(3))?.complete()?;
    let instance = hosts.a.netfwd()?;
    instance.cli(&format!("port set {}/eth0 --isolated false", c6.0.name()))?;
    ping(&c5.0, c6_address, slow)?;
    ping(&c5.0, c6_address, Ping::count(3))?.complete()?;
    Ok(())
}
