//! netfwd on a host: its configuration file, the daemon, and its command line.

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{
    Container, GATEWAY, GATEWAY_DEVICE, GATEWAY_MAC, NETWORK, Options, Publish, UNDERLAY, UPLINK,
    VNI,
};
use crate::{
    built,
    netns::Namespace,
    process::{self, Output, Running, TIMEOUT},
};

/// How long a start may take on a busy machine: loading verifies every program.
const START: Duration = Duration::from_secs(30);

/// The configuration file of a host of the topology; `to_string` writes it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The host's number.
    pub number: u8,
    /// Name of the instance.
    pub name: String,
    /// `xdp`.
    pub xdp: String,
    /// Listeners.
    pub publishes: Vec<Publish>,
    /// Namespace and number of the container whose pair netfwd makes.
    pub made: Container,
    /// The container whose pair exists.
    pub given: Container,
    /// Further lines of the network's table.
    pub network_lines: String,
    /// Lines in front of the network's table.
    pub host_lines: String,
}

impl Config {
    pub(super) fn of_host(
        number: u8,
        ns: &Namespace,
        [made, given]: [&Container; 2],
        options: &Options,
    ) -> Self {
        Self {
            number,
            name: ns.name().into(),
            xdp: options.xdp.into(),
            publishes: if number == 1 {
                options.publishes.clone()
            } else {
                Vec::new()
            },
            made: made.clone(),
            given: given.clone(),
            network_lines: options.network_lines.clone(),
            host_lines: options.host_lines.clone(),
        }
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            name,
            xdp,
            network_lines,
            host_lines,
            ..
        } = self;
        let peer = 3 - number;
        writeln!(
            f,
            "[host]\nname = \"{name}\"\nuplinks = [\"{UNDERLAY}\", \"{UPLINK}\"]"
        )?;
        writeln!(f, "vtep = \"172.31.0.{number}\"\nxdp = \"{xdp}\"\n")?;
        writeln!(f, "{host_lines}")?;
        writeln!(f, "[[network]]\nname = \"{NETWORK}\"\nvni = {VNI}")?;
        writeln!(f, "peers = [\"172.31.0.{peer}\"]\n{network_lines}")?;
        let mac = GATEWAY_MAC.map(|octet| format!("{octet:02x}")).join(":");
        writeln!(f, "  [network.gateway]\n  device = \"{GATEWAY_DEVICE}\"")?;
        writeln!(
            f,
            "  addresses = [\"{GATEWAY}/24\"]\n  mac = \"{mac}\"\n  masquerade = true\n"
        )?;
        self.made_port(f)?;
        writeln!(
            f,
            "  [[network.port]]\n  interface = \"{}\"\n",
            self.given.host_end()
        )?;
        self.publishes
            .iter()
            .try_for_each(|publish| listener(publish, f))
    }
}

impl Config {
    fn made_port(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Container { ns, address, .. } = &self.made;
        writeln!(
            f,
            "  [[network.port]]\n  netns = \"{}\"\n  name = \"eth0\"",
            ns.name()
        )?;
        writeln!(f, "  mac = \"{}\"", self.made.mac_text())?;
        writeln!(
            f,
            "  addresses = [\"{address}/24\"]\n  default_route = true\n"
        )
    }
}

fn listener(publish: &Publish, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Publish {
        proto,
        listen,
        address,
        port,
    } = publish;
    writeln!(f, "  [[network.publish]]\n  listen = \"{listen}/{proto}\"")?;
    writeln!(f, "  to = \"{address}:{port}\"\n")
}

/// An instance of netfwd in a namespace, named as the namespace. Dropping it stops the daemon and
/// runs `netfwd cleanup`.
#[derive(Debug)]
pub struct Instance {
    ns: Namespace,
    binary: PathBuf,
    config: PathBuf,
    daemon: Option<Running>,
}

impl Instance {
    /// Writes the configuration; starts nothing yet.
    pub fn new(ns: &Namespace, config: &str) -> Result<Self> {
        let path = env::temp_dir().join(format!("{}.toml", ns.name()));
        let instance = Self {
            ns: ns.clone(),
            binary: built::netfwd()?,
            config: path,
            daemon: None,
        };
        instance.write(config)?;
        Ok(instance)
    }

    /// The instance's name.
    pub fn name(&self) -> &str {
        self.ns.name()
    }

    /// Its configuration file.
    pub fn config_path(&self) -> &Path {
        &self.config
    }

    /// What its configuration file says.
    pub fn config(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.config)?)
    }

    /// Changes the configuration file; the daemon learns of it by [`Self::reload`] or a start.
    pub fn write(&self, config: &str) -> Result<()> {
        fs::write(&self.config, config).with_context(|| self.config.display().to_string())
    }

    /// Starts the daemon and waits until it says that it is ready.
    pub fn start(&mut self) -> Result<()> {
        self.start_with("")
    }

    /// Starts the daemon with further arguments of `run`.
    pub fn start_with(&mut self, arguments: &str) -> Result<()> {
        let mut command = self.ns.command(&self.binary);
        command
            .args(["-N", self.ns.name(), "run", "--config"])
            .arg(&self.config)
            .args(arguments.split_whitespace());
        let mut daemon = Running::start(command)?;
        // The word alone would also be found in "already".
        daemon.wait_for(&format!("netfwd {} ready", self.ns.name()), START)?;
        self.daemon = Some(daemon);
        Ok(())
    }

    /// The daemon, while one has been started and not been stopped.
    pub fn daemon(&mut self) -> Result<&mut Running> {
        self.daemon
            .as_mut()
            .context("the daemon has not been started")
    }

    /// Kills the daemon without a chance to do anything.
    pub fn kill(&mut self) -> Result<()> {
        self.end(Signal::SIGKILL)?;
        Ok(())
    }

    /// Stops the daemon with SIGTERM.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.end(Signal::SIGTERM)
    }

    fn end(&mut self, signal: Signal) -> Result<ExitStatus> {
        let mut daemon = self
            .daemon
            .take()
            .context("the daemon has not been started")?;
        daemon.stop(signal, TIMEOUT)
    }

    /// Changes the configuration file and sends SIGHUP.
    pub fn reload(&mut self, config: &str) -> Result<()> {
        self.write(config)?;
        self.daemon()?.signal(Signal::SIGHUP)
    }

    /// Runs `netfwd -N NAME ARGUMENTS` in the namespace, whatever its exit code.
    pub fn attempt(&self, arguments: &str) -> Result<Output> {
        let mut command = self.ns.command(&self.binary);
        command
            .args(["-N", self.ns.name()])
            .args(arguments.split_whitespace());
        process::run(command, TIMEOUT)
    }

    /// Runs `netfwd -N NAME ARGUMENTS`; a failure is an error with all that it said.
    pub fn cli(&self, arguments: &str) -> Result<Output> {
        self.attempt(arguments)?.success()
    }

    /// What a `show` answers with `-j`: an array of objects.
    pub fn json(&self, arguments: &str) -> Result<Vec<Value>> {
        let output = self.cli(&format!("-j {arguments}"))?;
        serde_json::from_str(&output.stdout).with_context(|| output.to_string())
    }

    /// The one object of a `show` whose `field` is `value`.
    pub fn object(&self, show: &str, field: &str, value: &str) -> Result<Value> {
        let objects = self.json(show)?;
        let found: Vec<_> = objects
            .iter()
            .filter(|object| object[field] == *value)
            .collect();
        ensure!(
            found.len() == 1,
            "{} objects with {field} = {value} in {objects:#?}",
            found.len()
        );
        Ok(found[0].clone())
    }

    /// Removes all that the instance made, as a user would.
    pub fn cleanup(&self) -> Result<Output> {
        self.cli("cleanup")
    }

    /// The directory of its pins.
    pub fn pins(&self) -> PathBuf {
        Path::new("/sys/fs/bpf/netfwd").join(self.name())
    }

    /// The directory of its state.
    pub fn state(&self) -> PathBuf {
        Path::new("/var/lib/netfwd").join(self.name())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.daemon.take());
        if let Err(error) = self.cleanup() {
            eprintln!("instance {} stays: {error:#}", self.name());
        }
        let _ = fs::remove_file(&self.config);
        // The state outlives a cleanup only where that failed, or says so.
        let _ = fs::remove_dir_all(self.state());
    }
}
