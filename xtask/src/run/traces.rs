//! What a lab leaves on the machine, and its removal, by the lab's prefix alone: so it works after a
//! failure as well as after a run that was killed.

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::{self as std_process, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::interrupt;
use super::netns;
use super::process;
use super::report::say;

const LIMIT: Duration = Duration::from_secs(10);
/// The kernel waits for all CPUs at each program that it takes off, and there may be a thousand.
const CLEANUP: Duration = Duration::from_mins(1);
const NAME: &str = "nfr";
/// Where instances keep something under their name.
const INSTANCE_FOLDERS: [&str; 3] = ["/sys/fs/bpf/netfwd", "/run/netfwd", "/var/lib/netfwd"];

/// The prefix of this process's lab: two labs at a time do not meet.
fn prefix() -> String {
    format!("{NAME}{}-", std_process::id())
}

/// The folder for a lab's temporary files.
pub fn folder(prefix: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{prefix}lab"))
}

/// Does something with namespaces, instances and files of this prefix, and removes them all, however
/// it ends.
pub fn bounded(loader: &Path, work: impl FnOnce(&str) -> Result<()>) -> Result<()> {
    interrupt::watch()?;
    remove_orphans(loader);
    let prefix = prefix();
    let done = panic::catch_unwind(AssertUnwindSafe(|| work(&prefix)));
    remove(loader, &prefix);
    let gone = verify(&prefix);
    match done {
        Ok(outcome) => outcome.and(gone),
        Err(cause) => panic::resume_unwind(cause),
    }
}

/// Removes what labs left whose process was killed.
fn remove_orphans(loader: &Path) {
    for prefix in orphans() {
        say(format_args!(
            "removing what a killed run left behind: {prefix}…"
        ));
        remove(loader, &prefix);
    }
}

fn orphans() -> Vec<String> {
    let dead = |name: &String| {
        let pid = name
            .strip_prefix(NAME)
            .and_then(|rest| rest.split_once('-'))
            .map(|(pid, _)| pid);
        pid.is_some_and(|pid| pid.parse().is_ok_and(|pid: u32| !alive(pid)))
    };
    let owner = |name: String| name.split_once('-').map(|(owner, _)| format!("{owner}-"));
    let mut prefixes: Vec<_> = names(Path::new(netns::FOLDER))
        .into_iter()
        .filter(dead)
        .filter_map(owner)
        .collect();
    prefixes.sort();
    prefixes.dedup();
    prefixes
}

/// A zombie is not alive: it has no executable any more.
fn alive(pid: u32) -> bool {
    fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}

/// Ends, cleans and removes all that bears the prefix. What fails is found by [`verify`].
pub fn remove(loader: &Path, prefix: &str) {
    let namespaces = bearing(Path::new(netns::FOLDER), prefix);
    for namespace in &namespaces {
        end_processes(namespace);
    }
    for instance in instances(prefix) {
        clean(loader, &instance);
    }
    for namespace in namespaces {
        let _ = process::tidy(Command::new("ip").args(["netns", "del", &namespace]), LIMIT);
    }
    let _ = fs::remove_dir_all(folder(prefix));
}

/// Ends the processes of a namespace: by SIGTERM, then by SIGKILL.
fn end_processes(namespace: &str) {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let pids = processes(namespace);
        let last = Instant::now() > end;
        for pid in &pids {
            let _ = signal::kill(
                *pid,
                if last {
                    Signal::SIGKILL
                } else {
                    Signal::SIGTERM
                },
            );
        }
        if pids.is_empty() || last {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn processes(namespace: &str) -> Vec<Pid> {
    let done = process::tidy(Command::new("ip").args(["netns", "pids", namespace]), LIMIT);
    let pids = done.map(|done| done.stdout).unwrap_or_default();
    pids.lines()
        .filter_map(|pid| pid.trim().parse().ok())
        .map(Pid::from_raw)
        .collect()
}

/// `netfwd cleanup` in the instance's namespace, which has the same name.
fn clean(loader: &Path, instance: &str) {
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--net={}/{instance}", netns::FOLDER))
        .arg(loader);
    match process::tidy(command.args(["-N", instance, "cleanup"]), CLEANUP) {
        Ok(done) if !done.status.success() => say(format_args!("cleanup: {}", done.stderr.trim())),
        Ok(_) => {}
        Err(error) => say(format_args!("cleanup: {error:#}")),
    }
}

/// Instances of which anything is left.
fn instances(prefix: &str) -> Vec<String> {
    let found = INSTANCE_FOLDERS
        .iter()
        .flat_map(|folder| bearing(Path::new(folder), prefix));
    let mut names: Vec<_> = found.filter_map(|file| instance(&file)).collect();
    names.sort();
    names.dedup();
    names
}

/// The instance that a file or folder belongs to: `nfr1-a` of `nfr1-a.sock`.
fn instance(file: &str) -> Option<String> {
    file.split('.').next().map(str::to_owned)
}

/// Looks for what is left. All must be gone; what is not is an error, and is removed all the same.
fn verify(prefix: &str) -> Result<()> {
    let left = left(prefix);
    if let Some(first) = left.first() {
        for path in &left {
            remove_by_hand(path);
        }
        let first = first.display();
        bail!(
            "{} things were left behind and removed by hand, the first {first}",
            left.len()
        );
    }
    say("gone: processes, instances, pins, sockets, namespaces and temporary files of this lab");
    Ok(())
}

fn left(prefix: &str) -> Vec<PathBuf> {
    let folders = INSTANCE_FOLDERS
        .iter()
        .chain(&[netns::FOLDER])
        .map(Path::new);
    let inside = |folder: &'static Path| {
        bearing(folder, prefix)
            .into_iter()
            .map(|name| folder.join(name))
    };
    let temporary = Some(folder(prefix)).filter(|folder| folder.exists());
    folders.flat_map(inside).chain(temporary).collect()
}

fn remove_by_hand(path: &Path) {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    if let Err(error) = removed {
        say(format_args!(
            "{} cannot be removed: {error}",
            path.display()
        ));
    }
}

fn bearing(folder: &Path, prefix: &str) -> Vec<String> {
    names(folder)
        .into_iter()
        .filter(|name| name.starts_with(prefix))
        .collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}
