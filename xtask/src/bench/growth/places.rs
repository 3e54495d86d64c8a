//! Hosts, containers, and the wires between them.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::run::netns::Netns;
use crate::run::{traces, twin};

/// Makes the folder for configuration files.
pub fn make_folder(prefix: &str) -> Result<()> {
    let folder = traces::folder(prefix);
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))
}

/// A namespace whose interfaces say nothing by themselves: what a thousand of them tell one another
/// would be measured with the rest.
pub fn quiet(name: String) -> Result<Netns> {
    let netns = Netns::create(name)?;
    netns.enter(|| {
        let file = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
        fs::write(file, "1").context(file)
    })?;
    Ok(netns)
}

/// Does many things by one call of `ip` or `bridge`, in a namespace.
pub fn batch(netns: &Netns, program: &str, lines: &str) -> Result<()> {
    let mut child = Command::new(program)
        .args(["-n", netns.name(), "-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("`{program}` could not be started"))?;
    let mut stdin = child.stdin.take().context("a pipe")?;
    stdin.write_all(lines.as_bytes())?;
    drop(stdin);
    ensure!(child.wait()?.success(), "`{program} -batch` failed");
    Ok(())
}

/// A host with two containers: the host's ends are `p1` and `p2`, theirs `eth0`.
pub struct Plugged {
    /// The host.
    pub host: Netns,
    /// The containers.
    pub containers: [Netns; 2],
}

impl Plugged {
    /// Makes them, with nothing that forwards yet.
    pub fn create(prefix: &str, label: &str) -> Result<Self> {
        let netns = |name: &str| quiet(format!("{prefix}{label}{name}"));
        let host = netns("h")?;
        let containers = [netns("1")?, netns("2")?];
        for (port, container) in ["p1", "p2"].iter().zip(&containers) {
            plug(&host, port, container)?;
        }
        Ok(Self { host, containers })
    }

    /// Has the kernel's bridge forward.
    pub fn bridge(&self) -> Result<()> {
        bridge(&self.host, &["p1", "p2"].map(str::to_owned))
    }
}

/// Joins a host to a container.
pub fn plug(host: &Netns, port: &str, container: &Netns) -> Result<()> {
    let name = container.name();
    host.ip(&format!(
        "link add {port} type veth peer name eth0 netns {name}"
    ))?;
    host.ip(&format!("link set {port} up"))?;
    container.ip("link set eth0 up")
}

/// Makes a bridge of these ports that forgets nobody while it is measured.
pub fn bridge(host: &Netns, ports: &[String]) -> Result<()> {
    // In hundredths of a second.
    host.ip("link add br0 type bridge ageing_time 360000")?;
    host.ip("link set br0 up")?;
    host.enter(twin::spare_the_firewall)?;
    let mut lines = String::new();
    for port in ports {
        writeln!(lines, "link set {port} master br0")?;
    }
    batch(host, "ip", &lines)
}

/// The `[host]` of a configuration.
pub fn head(host: &Netns) -> String {
    format!("[host]\nname = \"{}\"\nxdp = \"off\"\n", host.name())
}

/// A network that forgets nobody while it is measured.
pub fn network(name: &str) -> String {
    format!("\n[[network]]\nname = \"{name}\"\nageing = \"3600s\"\n")
}

/// A port of it.
pub fn port(interface: &str) -> String {
    format!("  [[network.port]]\n  interface = \"{interface}\"\n")
}
