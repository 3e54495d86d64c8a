//! lldpd, unmodified, at both ends of every port: link-local frames reach the host and nobody else.

use std::{env, path::PathBuf, thread, time::Duration};

use anyhow::Result;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{
    netns::Namespace,
    process::{self, Running, TIMEOUT, eventually},
    switch::{Layout, Make},
};

/// An lldpd on some interfaces of a namespace.
struct Lldpd {
    namespace: Namespace,
    socket: PathBuf,
    daemon: Running,
}

impl Lldpd {
    /// Starts it; `interfaces` is a pattern, `description` what it says of itself.
    fn start(namespace: &Namespace, interfaces: &str, description: &str) -> Result<Self> {
        let socket = env::temp_dir().join(format!("{}.lldp", namespace.name()));
        let daemon = namespace.spawn(&format!(
            "lldpd -d -u {} -S {description} -I {interfaces} -C {interfaces} -O /dev/null",
            socket.display()
        ))?;
        let lldpd = Self {
            namespace: namespace.clone(),
            socket,
            daemon,
        };
        eventually("lldpd listens", TIMEOUT, || {
            Ok(lldpd.ask("show interfaces")?.is_some())
        })?;
        Ok(lldpd)
    }

    fn ask(&self, words: &str) -> Result<Option<String>> {
        let socket = self.socket.display();
        let line = format!("lldpcli -u {socket} -f json {words}");
        let output = self.namespace.attempt(&line)?;
        Ok((output.code == Some(0)).then_some(output.stdout))
    }

    /// Each neighbour: our interface, what the other says of itself, and its interface.
    fn neighbours(&self) -> Result<Vec<[String; 3]>> {
        let shown = self.ask("show neighbors")?.unwrap_or_default();
        let shown: Value = serde_json::from_str(&shown).unwrap_or_default();
        let mut rows: Vec<_> = match &shown["lldp"]["interface"] {
            Value::Array(rows) => rows.iter().flat_map(entries).collect(),
            // A single one is no array.
            row => entries(row).collect(),
        };
        rows.sort();
        Ok(rows)
    }
}

impl Drop for Lldpd {
    fn drop(&mut self) {
        // By a signal it takes its socket and its helper along.
        let _ = self.daemon.stop(Signal::SIGTERM, Duration::from_secs(5));
        let _ = std::fs::remove_file(&self.socket);
    }
}

fn entries(row: &Value) -> impl Iterator<Item = [String; 3]> {
    let fields = row.as_object().into_iter().flatten();
    fields.map(|(interface, seen)| {
        let chassis = seen["chassis"].as_object().and_then(|by_name| {
            let first = by_name.values().next()?;
            first["descr"].as_str()
        });
        let far = seen["port"]["descr"].as_str();
        [interface, chassis.unwrap_or(""), far.unwrap_or("")].map(str::to_owned)
    })
}

/// Both ends of every port see each other, and no further.
pub fn both_ends(make: Make) -> Result<()> {
    let switch = Layout::ports(3).start(make)?;
    let host = Lldpd::start(&switch.host, "p*", "host")?;
    let containers = Lldpd::start(&switch.containers, "e*", "containers")?;
    let pairs = |near: &str, who: &str, far: &str| -> Vec<[String; 3]> {
        let pair = |port| {
            [
                format!("{near}{port}"),
                who.to_owned(),
                format!("{far}{port}"),
            ]
        };
        (1..=3).map(pair).collect()
    };
    for (lldpd, expected) in [
        (&host, pairs("p", "containers", "e")),
        (&containers, pairs("e", "host", "p")),
    ] {
        let what = format!("lldpd's neighbours are {expected:?}");
        eventually(&what, process::TIMEOUT, || {
            // A daemon that was not ready for another interval speaks every 30 s only.
            for speaker in [&host, &containers] {
                speaker.ask("update")?;
            }
            thread::sleep(Duration::from_millis(100));
            Ok(lldpd.neighbours()? == expected)
        })?;
    }
    Ok(())
}
