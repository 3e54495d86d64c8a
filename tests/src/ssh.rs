//! Secure shell, server and client, with keys of their own.

use std::{env, fs, net::IpAddr, path::PathBuf, process::Command, time::Duration};

use anyhow::Result;

use crate::{
    netns::Namespace,
    process::{self, Output, Running, TIMEOUT},
};

/// A server in a namespace; its keys go with it.
#[derive(Debug)]
pub struct SshServer {
    folder: PathBuf,
    _server: Running,
}

impl SshServer {
    /// Listens on l4 port 22 of an address.
    pub fn start(ns: &Namespace, address: impl Into<IpAddr>) -> Result<Self> {
        // Where it confines itself; Debian's service makes it.
        fs::create_dir_all("/run/sshd")?;
        let folder = env::temp_dir().join(format!("{}-ssh", ns.name()));
        fs::create_dir_all(&folder)?;
        let key = folder.join("key");
        let mut keygen = Command::new("ssh-keygen");
        keygen
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key);
        process::run(keygen, TIMEOUT)?.success()?;
        let (key, address) = (key.display(), address.into());
        let mut server = ns.spawn(&format!(
            "/usr/sbin/sshd -D -e -f /dev/null -h {key} -o ListenAddress={address} -o PidFile=none \
             -o AuthorizedKeysFile={key}.pub -o StrictModes=no -o UsePAM=no -o PermitRootLogin=yes"
        ))?;
        server.wait_for("listening", TIMEOUT)?;
        Ok(Self {
            folder,
            _server: server,
        })
    }

    /// A client's command line that runs a shell's script here, reached by an address and an l4 port.
    /// What it is to be told comes from `input`, a script as well.
    pub fn session(
        &self,
        client: &Namespace,
        (address, port): (IpAddr, u16),
        input: &str,
        script: &str,
    ) -> Result<Running> {
        let key = self.folder.join("key");
        let mut command = client.command("sh");
        command.arg("-c").arg(format!(
            "({input}) | ssh -F /dev/null -i {} -p {port} -o StrictHostKeyChecking=no \
             -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 root@{address} '{script}'",
            key.display()
        ));
        Running::start(command)
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Waits for the end of a session, at most this long.
pub fn ended(session: Running, limit: Duration) -> Result<Output> {
    session.finish(limit)?.success()
}
