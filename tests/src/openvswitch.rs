//! Open vSwitch with its userspace datapath: database and daemon in a folder of their own.

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{
    netns::Namespace,
    process::{Running, TIMEOUT, eventually},
};

const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// An Open vSwitch on a host; it ends with its guard.
#[derive(Debug)]
pub struct OpenVswitch {
    namespace: Namespace,
    folder: PathBuf,
    _daemon: Running,
    _database: Running,
}

impl OpenVswitch {
    /// Starts one, without a bridge.
    pub fn start(host: &Namespace) -> Result<Self> {
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
        Ok(Self {
            namespace: host.clone(),
            folder,
            _daemon: daemon,
            _database: database,
        })
    }

    /// Adds a bridge, which is an interface of the host as well.
    pub fn bridge(&self, name: &str) -> Result<()> {
        self.vsctl(&format!(
            "add-br {name} -- set bridge {name} datapath_type=netdev"
        ))
    }

    /// Runs ovs-vsctl, which waits until the daemon has done it.
    pub fn vsctl(&self, words: &str) -> Result<()> {
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

impl Drop for OpenVswitch {
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
