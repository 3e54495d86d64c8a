//! Removes what test runs left behind that were killed before their guards could work.

use std::{fs, path::Path, process::Command};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};

use crate::{netns::PREFIX, process};

/// Where instances of netfwd keep things by their name, and tests name them by their namespace.
const PLACES: [&str; 3] = ["/sys/fs/bpf/netfwd", "/run/netfwd", "/var/lib/netfwd"];

/// Removes the namespaces and instances of runs whose process is gone. Nothing here fails: what
/// cannot be removed is in nobody's way.
pub fn dead_runs() {
    for name in entries("/run/netns").filter(|name| is_dead(name)) {
        kill_inside(&name);
        ip(&["netns", "del", &name]);
    }
    for place in PLACES {
        for name in entries(place).filter(|name| is_dead(name)) {
            let path = Path::new(place).join(name);
            let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
        }
    }
}

/// Whether a name is a test run's whose process has ended.
fn is_dead(name: &str) -> bool {
    let Some((pid, _)) = name
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_once('-'))
    else {
        return false;
    };
    pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()
}

fn entries(directory: &str) -> impl Iterator<Item = String> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

fn kill_inside(name: &str) {
    for pid in ip(&["netns", "pids", name]).split_whitespace() {
        if let Ok(pid) = pid.parse() {
            let _ = signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

fn ip(arguments: &[&str]) -> String {
    let mut command = Command::new("ip");
    command.args(arguments);
    process::run(command, process::TIMEOUT).map_or_else(|_| String::new(), |output| output.stdout)
}

#[cfg(test)]
mod tests {
    use super::is_dead;

    #[test]
    fn only_names_of_ended_runs_are_dead() {
        assert!(is_dead("nft4194305-0-a"), "larger than any process id");
        assert!(!is_dead(&format!("nft{}-0-a", std::process::id())));
        assert!(!is_dead("nftables"));
        assert!(!is_dead("c1"));
    }
}
