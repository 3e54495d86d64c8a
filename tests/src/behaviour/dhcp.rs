//! DHCP through the switch: the usual server on the host, the usual clients behind ports, and a server
//! that has no business to be one.

use std::{env, fs, path::PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{
    netns::Namespace,
    process::{Running, TIMEOUT},
    switch::{Layout, Make, NetworkOption, PortOption, Switch},
    topology::GATEWAY,
};

/// dnsmasq as a DHCP server on one interface.
struct Dnsmasq {
    leases: PathBuf,
    _daemon: Running,
}

impl Dnsmasq {
    fn start(namespace: &Namespace, interface: &str, range: &str) -> Result<Self> {
        let leases = env::temp_dir().join(format!("{}-{interface}.leases", namespace.name()));
        let mut daemon = namespace.spawn(&format!(
            "dnsmasq --keep-in-foreground --conf-file=/dev/null --no-hosts --no-resolv --no-ping \
             --port=0 --log-facility=- --interface={interface} --bind-interfaces \
             --except-interface=lo --dhcp-range={range} --dhcp-authoritative --pid-file= \
             --user=root --dhcp-leasefile={}",
            leases.display()
        ))?;
        daemon.wait_for("sockets bound exclusively", TIMEOUT)?;
        Ok(Self {
            leases,
            _daemon: daemon,
        })
    }

    /// On the host's own interface.
    fn on_host(switch: &Switch) -> Result<Self> {
        let device = switch.gateway_device();
        Self::start(&switch.host, device, "10.0.3.50,10.0.3.99,10m")
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.leases);
    }
}

/// A switch with a gateway and as many ports; its containers answer only for their own addresses.
fn switch(layout: Layout, make: Make) -> Result<Switch> {
    let switch = layout.network(NetworkOption::Gateway).start(make)?;
    // The containers share a namespace, each with an interface.
    switch
        .containers
        .sysctl("net/ipv4/conf/all/arp_ignore", "1")?;
    Ok(switch)
}

/// udhcpc, dhclient and dhcpcd each get a lease; the first one's address then reaches the gateway.
fn three_clients(switch: &Switch) -> Result<()> {
    let _server = Dnsmasq::on_host(switch)?;
    let address = udhcpc(switch, "e1")?;
    let containers = &switch.containers;
    containers.ip(&format!("addr add {address}/24 dev e1"))?;
    containers.run(&format!("ping -q -c 3 -i 0.2 -W 2 -I e1 {GATEWAY}"))?;
    dhclient(switch, "e2")?;
    dhcpcd(switch, "e3")
}

/// An address for an interface, or an error where nobody gives one.
fn udhcpc(switch: &Switch, interface: &str) -> Result<String> {
    let line = format!("busybox udhcpc -f -n -q -t 3 -T 1 -s /bin/true -i {interface}");
    let output = switch.containers.run(&line)?;
    let lease = output.stderr.split_once("lease of ").map(|(_, rest)| rest);
    let address = lease.and_then(|rest| rest.split_whitespace().next());
    let address = address.with_context(|| output.to_string())?;
    Ok(address.trim_end_matches(',').to_owned())
}

fn dhclient(switch: &Switch, interface: &str) -> Result<()> {
    let file = |kind| env::temp_dir().join(format!("{}.{kind}", switch.containers.name()));
    let (leases, pid) = (file("leases"), file("pid"));
    let line = format!(
        "dhclient -d -1 -v -sf /bin/true -lf {} -pf {} {interface}",
        leases.display(),
        pid.display()
    );
    let bound = switch
        .containers
        .spawn(&line)?
        .wait_for("bound to 10.0.3.", TIMEOUT);
    for file in [leases, pid] {
        let _ = fs::remove_file(file);
    }
    bound
}

/// dhcpcd keeps its process id and leases by the interface's name, which others of these tests have too:
/// it gets places of its own. Its helpers outlive it, so they end with their process namespace.
fn dhcpcd(switch: &Switch, interface: &str) -> Result<()> {
    let script = "mount -t tmpfs none /run && mount -t tmpfs none /var/lib/dhcpcd && \
                  dhcpcd -B -4 -A -t 20 -f /dev/null -c /bin/true \"$1\"";
    let mut command = switch.containers.command("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child"]);
    command.args(["sh", "-c", script, "sh", interface]);
    Running::start(command)?.wait_for("leased 10.0.3.", TIMEOUT)
}

/// Clients get leases from the host's server.
pub fn leases(make: Make) -> Result<()> {
    three_clients(&switch(Layout::ports(3), make)?)
}

/// The same from ports that may use only what was first seen: netfwd's alone.
pub fn leases_with_anti_spoofing() -> Result<()> {
    let layout = (1..=3).fold(Layout::ports(3), |layout, port| {
        layout.port(port, PortOption::AntiSpoof)
    });
    three_clients(&switch(layout, Make::Netfwd)?)
}

/// A server behind a port that is for none is not heard, and the attempt is counted; behind one that is
/// for servers it is.
pub fn rogue_server() -> Result<()> {
    let rogue = |layout| -> Result<(Switch, Dnsmasq)> {
        let switch = switch(layout, Make::Netfwd)?;
        switch.containers.ip("addr add 10.66.0.1/24 dev e2")?;
        let range = "10.66.0.50,10.66.0.99,10m";
        let server = Dnsmasq::start(&switch.containers, "e2", range)?;
        Ok((switch, server))
    };
    let guarded = Layout::ports(2).port(2, PortOption::AntiSpoof);
    let (mut unheard, _server) = rogue(guarded.clone())?;
    ensure!(
        udhcpc(&unheard, "e1").is_err(),
        "the rogue server was heard"
    );
    ensure!(unheard.drops(2, "server")? > 0, "no refusal was counted");
    let (heard, _server) = rogue(guarded.port(2, PortOption::Server))?;
    ensure!(udhcpc(&heard, "e1")?.starts_with("10.66.0."));
    Ok(())
}
