//! The switch as Open vSwitch with its userspace datapath: the reference for VLANs, which this
//! kernel's bridge does not filter.

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};

use super::{Layout, PortOption, host_end};
use crate::{
    netns::Namespace,
    process::{Running, TIMEOUT, eventually},
};

const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";
const BRIDGE: &str = "ovs0";

/// An Open vSwitch of its own: database, daemon and a folder for both.
#[derive(Debug)]
pub struct Ovs {
    namespace: Namespace,
    folder: PathBuf,
    _daemon: Running,
    _database: Running,
}

impl Ovs {
    /// Starts one on a host whose interfaces stand.
    pub fn start(host: &Namespace, layout: &Layout) -> Result<Self> {
        let folder = env::temp_dir().join(format!("{}-ovs", host.name()));
        fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        let place = folder.display().to_string();
        host.run(&format!("ovsdb-tool create {place}/conf.db {SCHEMA}"))?;
        let database = spawn(
            host,
            &format!(
                "ovsdb-server {place}/conf.db --remote=punix:{place}/db.sock \
             --unixctl={place}/db.ctl --no-chdir"
            ),
            &place,
        )?;
        eventually("ovsdb-server listens", TIMEOUT, || {
            Ok(folder.join("db.sock").exists())
        })?;
        host.run(&format!(
            "ovs-vsctl --db=unix:{place}/db.sock --no-wait init"
        ))?;
        let daemon = spawn(
            host,
            &format!(
                "ovs-vswitchd unix:{place}/db.sock --disable-system --unixctl={place}/vs.ctl \
             --no-chdir"
            ),
            &place,
        )?;
        let ovs = Self {
            namespace: host.clone(),
            folder,
            _daemon: daemon,
            _database: database,
        };
        ovs.vsctl(&format!(
            "add-br {BRIDGE} -- set bridge {BRIDGE} datapath_type=netdev"
        ))?;
        let [network] = &layout.networks[..] else {
            anyhow::bail!("Open vSwitch takes the place of one network here");
        };
        for (port, options) in &network.ports {
            ovs.add(&host_end(*port), options)?;
        }
        Ok(ovs)
    }

    /// Adds an interface.
    pub fn add(&self, interface: &str, options: &[PortOption]) -> Result<()> {
        let words = options.iter().map(PortOption::ovs);
        let words = words.collect::<Option<Vec<_>>>();
        let mut words = words.context("Open vSwitch is asked for VLANs alone")?;
        let trunk = options
            .iter()
            .any(|option| matches!(option, PortOption::Trunk(_)));
        let native = options
            .iter()
            .any(|option| matches!(option, PortOption::Vlan(_)));
        if trunk && native && !options.contains(&PortOption::TagNative) {
            words.push("vlan_mode=native-untagged".into());
        }
        let words = words.join(" ");
        self.vsctl(&format!("add-port {BRIDGE} {interface} {words}"))
    }

    /// Runs ovs-vsctl, which waits until the daemon has done it.
    fn vsctl(&self, words: &str) -> Result<()> {
        let socket = self.folder.join("db.sock");
        let line = format!(
            "ovs-vsctl --db=unix:{} --timeout=20 {words}",
            socket.display()
        );
        let output = self.namespace.run(&line)?;
        ensure!(output.stderr.is_empty(), "{output}");
        Ok(())
    }
}

impl Drop for Ovs {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Starts one of its daemons, which keep files of theirs in a folder.
fn spawn(host: &Namespace, line: &str, folder: &str) -> Result<Running> {
    let mut words = line.split_whitespace();
    let mut command: Command = host.command(words.next().context("an empty command line")?);
    command
        .args(words)
        .env("OVS_RUNDIR", folder)
        .env("OVS_LOGDIR", folder);
    Running::start(command)
}
