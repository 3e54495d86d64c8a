//! Captures: what is on a wire, as tcpdump writes and tshark reads it.

use std::{env, fs, path::PathBuf, thread, time::Duration};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::{
    netns::Namespace,
    process::{self, Output, Running, TIMEOUT},
};

/// A running capture of one interface; its file goes with it.
#[derive(Debug)]
pub struct Capture {
    namespace: Namespace,
    file: PathBuf,
    tcpdump: Running,
}

impl Capture {
    /// Starts tcpdump with a filter ("" for everything) and waits until it listens.
    pub fn start(namespace: &Namespace, interface: &str, filter: &str) -> Result<Self> {
        let file = env::temp_dir().join(format!("{}-{interface}.pcap", namespace.name()));
        let mut command = namespace.command("tcpdump");
        // Without --immediate-mode the last frames stay in the ring for a second.
        command.args([
            "-U",
            "--immediate-mode",
            "-Z",
            "root",
            "-i",
            interface,
            "-w",
        ]);
        command.arg(&file).args(filter.split_whitespace());
        let mut tcpdump = Running::start(command)?;
        tcpdump.wait_for("listening on", TIMEOUT)?;
        Ok(Self {
            namespace: namespace.clone(),
            file,
            tcpdump,
        })
    }

    /// Ends the capture and decodes one column a field, one row a frame:
    /// `capture.fields(&["udp.dstport", "vxlan.vni"])`. A field that a frame has twice, as in outer
    /// and inner header, is separated by a comma.
    pub fn fields(self, fields: &[&str]) -> Result<Vec<Vec<String>>> {
        self.fields_with(&[], fields)
    }

    /// Does the same with further arguments of tshark.
    pub fn fields_with(mut self, options: &[&str], fields: &[&str]) -> Result<Vec<Vec<String>>> {
        self.settle()?;
        self.tcpdump.stop(Signal::SIGINT, TIMEOUT)?;
        let output = self.tshark(options, fields)?.success()?;
        let rows = output.stdout.lines();
        Ok(rows
            .map(|row| row.split('\t').map(str::to_owned).collect())
            .collect())
    }

    /// Waits until the file has stopped growing: what waits in the socket when tcpdump is told to end,
    /// it does not write any more.
    fn settle(&self) -> Result<()> {
        const QUIET: Duration = Duration::from_millis(100);
        let mut before = None;
        process::eventually("a quiet capture", TIMEOUT, || {
            thread::sleep(QUIET);
            let octets = fs::metadata(&self.file)?.len();
            Ok(before.replace(octets) == Some(octets))
        })
    }

    fn tshark(&self, options: &[&str], fields: &[&str]) -> Result<Output> {
        let mut command = self.namespace.command("tshark");
        command.arg("-r").arg(&self.file).args(["-T", "fields"]);
        command.args(options);
        for field in fields {
            command.args(["-e", field]);
        }
        process::run(command, Duration::from_mins(1)).context("tshark decodes a capture")
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}
