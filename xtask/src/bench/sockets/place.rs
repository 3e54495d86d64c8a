//! Two containers of one host, with something between them, whose sockets are led past it or not.

use std::fs;
use std::net::TcpStream;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::cgroup::Cgroup;
use super::connection::Connection;
use super::programs::Shortcut;
use crate::run::instance::Instance;
use crate::run::netns::Netns;
use crate::run::{bulk, traces, twin};

/// The address of who connects.
const CLIENT: &str = "10.0.9.1";
/// The address of who listens.
pub const SERVER: &str = "10.0.9.2";
/// Their interface.
pub const INTERFACE: &str = "eth0";

/// What is between the containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// One veth pair.
    Wire,
    /// The kernel's bridge.
    Bridge,
    /// netfwd.
    Netfwd,
}

/// The containers, and what is between them.
pub struct Lab {
    /// Who connects, and who listens.
    pub containers: [Netns; 2],
    /// What plugs them together where that is no wire; its ends are `p1` and `p2`.
    host: Option<Netns>,
}

/// The containers as a connection meets them.
pub struct Place<'lab> {
    /// What it is called.
    pub name: &'static str,
    /// The containers.
    pub lab: &'lab Lab,
    /// The group whose sockets are led past what is between them; absent where TCP goes its own way.
    pub group: Option<&'lab Cgroup>,
    /// netfwd, where it is between them.
    pub netfwd: Option<&'lab Instance<'lab>>,
}

impl Lab {
    /// Makes it, all but netfwd itself.
    pub fn create(prefix: &str, between: Between) -> Result<Self> {
        let label = format!("{between:?}").to_lowercase();
        let container = |number| Netns::create(format!("{prefix}{label}{number}"));
        let containers = [container(1)?, container(2)?];
        let host = match between {
            Between::Wire => None,
            _ => Some(Netns::create(format!("{prefix}{label}"))?),
        };
        let lab = Self { containers, host };
        match &lab.host {
            Some(host) => lab.plug(host)?,
            None => lab.wire()?,
        }
        if let (Between::Bridge, Some(host)) = (between, &lab.host) {
            bridge(host)?;
        }
        lab.address()?;
        Ok(lab)
    }

    fn wire(&self) -> Result<()> {
        let [one, other] = &self.containers;
        let other = other.name();
        one.ip(&format!(
            "link add {INTERFACE} type veth peer name {INTERFACE} netns {other}"
        ))
    }

    fn plug(&self, host: &Netns) -> Result<()> {
        for (container, port) in self.containers.iter().zip(["p1", "p2"]) {
            let name = container.name();
            host.ip(&format!(
                "link add {port} type veth peer name {INTERFACE} netns {name}"
            ))?;
            host.ip(&format!("link set {port} up"))?;
        }
        Ok(())
    }

    fn address(&self) -> Result<()> {
        for (container, address) in self.containers.iter().zip([CLIENT, SERVER]) {
            container.ip(&format!("address add {address}/24 dev {INTERFACE}"))?;
            container.ip(&format!("link set {INTERFACE} up"))?;
            bulk::unpaced(container)?;
        }
        Ok(())
    }

    /// Starts netfwd between them.
    pub fn netfwd(&self, loader: &Path, prefix: &str) -> Result<Instance<'_>> {
        let host = self.host.as_ref().context("a wire has no host")?;
        let file = traces::folder(prefix).join("sockets.toml");
        let name = host.name();
        let text = format!("[host]\nname = \"{name}\"\n\n[[network]]\nname = \"blue\"\n");
        fs::write(&file, text).with_context(|| file.display().to_string())?;
        let mut instance = Instance::new(loader, host, file);
        instance.start()?;
        // Not in the file: what is declared there cannot be set by command.
        for port in ["p1", "p2"] {
            instance.table(&format!("port add {port} --network blue"))?;
        }
        Ok(instance)
    }
}

fn bridge(host: &Netns) -> Result<()> {
    host.ip("link add br0 type bridge")?;
    host.ip("link set br0 up")?;
    host.enter(twin::spare_the_firewall)?;
    for port in ["p1", "p2"] {
        host.ip(&format!("link set {port} master br0"))?;
    }
    Ok(())
}

impl Place<'_> {
    /// Does something with sockets that are led past what is between them, where they are to be.
    pub fn with<T>(&self, work: impl FnOnce(Option<&Shortcut>) -> Result<T>) -> Result<T> {
        let shortcut = self.group.map(Shortcut::open).transpose()?;
        work(shortcut.as_ref()).with_context(|| self.name.to_owned())
    }

    /// Makes sure that the programs see connections of this place; without it nothing would be tried.
    pub fn is_seen(&self) -> Result<()> {
        self.with(|shortcut| {
            let _connection = self.connect()?;
            let known = shortcut.map_or(Ok(2), Shortcut::known)?;
            ensure!(known == 2, "{known} ends of a connection were seen, not 2");
            Ok(())
        })
    }

    /// Connects the containers.
    pub fn connect(&self) -> Result<Connection> {
        let [client, server] = &self.lab.containers;
        Connection::open(client, server, SERVER)
    }

    /// Connects them by a listener that is told of a connection by its first data.
    pub fn connect_deferred(
        &self,
        first: impl FnOnce(&TcpStream) -> Result<()>,
    ) -> Result<Connection> {
        let [client, server] = &self.lab.containers;
        Connection::deferred([client, server], SERVER, first)
    }
}
