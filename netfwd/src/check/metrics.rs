//! Whether figures can be served where `[metrics]` says.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tokio::net::UnixStream;

use super::listeners::{Socket, sockets};
use super::{Finding, Severity};
use crate::api;
use crate::config::{Config, Proto};
use crate::metrics::{ListenError, probe};

/// The listener that cannot be had, unless it is this instance's own daemon that has it. The kernel is asked: it
/// alone knows which addresses meet, and which are this host's.
pub(super) async fn findings(config: &Config, instance: &str) -> Option<Finding> {
    let wanted = config.metrics.listen.as_ref()?;
    // Only root sees whose sockets are whose.
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let error = probe(wanted).err()?;
    if error.is_in_use() && is_own(wanted.at, daemon(instance).await) {
        return None;
    }
    Some(finding(&error))
}

fn finding(error: &ListenError) -> Finding {
    let finding = format!("{}; netfwd does not start so", error.what());
    Finding::new(Severity::Error, "metrics", finding, error.remedy())
}

/// The process that listens on an instance's control socket.
async fn daemon(instance: &str) -> Option<i32> {
    let stream = UnixStream::connect(api::path(instance)).await.ok()?;
    stream.peer_cred().ok()?.pid()
}

/// Whether nobody but the daemon is in the way of a listener; it gives way to another one of its own.
fn is_own(at: SocketAddr, daemon: Option<i32>) -> bool {
    let (all, Some(daemon)) = (sockets(), daemon) else {
        return false;
    };
    let mut in_the_way = all.iter().filter(|socket| meets(socket, at)).peekable();
    let own = owned(daemon);
    in_the_way.peek().is_some() && in_the_way.all(|socket| own.contains(&socket.inode))
}

fn meets(socket: &Socket, at: SocketAddr) -> bool {
    let same = socket.address == at.ip();
    let any = socket.address.is_unspecified() || at.ip().is_unspecified();
    socket.proto == Proto::Tcp && socket.port == at.port() && (same || any)
}

/// The sockets that a process has, by their inodes: links to `socket:[INODE]`.
fn owned(process: i32) -> Vec<u64> {
    let inode = |path: &Path| {
        let name = fs::read_link(path).ok()?;
        let inode = name.to_str()?.strip_prefix("socket:[")?;
        inode.strip_suffix(']')?.parse().ok()
    };
    let entries = fs::read_dir(format!("/proc/{process}/fd"));
    let entries = entries.into_iter().flatten().flatten();
    entries.filter_map(|entry| inode(&entry.path())).collect()
}
