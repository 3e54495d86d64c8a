//! What the wires alone would take: frames redirected from interface to interface, nothing looked up.

use std::time::Duration;

use anyhow::Result;

use crate::run::netns::Netns;
use crate::run::process;

/// Has the kernel send what comes in by an interface out of another one.
pub fn redirect(host: &Netns, from: &str, to: &str) -> Result<()> {
    let tc = |words: String| -> Result<()> {
        let mut command = host.command("tc");
        command.args(words.split_whitespace());
        process::run(&mut command, Duration::from_secs(10))?;
        Ok(())
    };
    tc(format!("qdisc add dev {from} clsact"))?;
    tc(format!(
        "filter add dev {from} ingress u32 match u32 0 0 action mirred egress redirect dev {to}"
    ))
}
