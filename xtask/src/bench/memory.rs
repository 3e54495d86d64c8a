//! What an instance holds in memory: its daemon, and its maps in the kernel.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::pinned;
use super::report::Memory;

/// Daemon and maps in sum.
pub fn held(load: &str, instance: &str) -> Result<Vec<Memory>> {
    let maps = pinned::maps(instance)?.iter().map(|map| map.octets).sum();
    let entry = |holder: &str, octets| Memory {
        load: load.to_owned(),
        holder: holder.to_owned(),
        octets,
    };
    Ok(vec![
        entry("daemon", daemon(instance)?),
        entry("maps", maps),
    ])
}

/// Each map by itself, the largest first.
pub fn by_map(load: &str, instance: &str) -> Result<Vec<Memory>> {
    let mut maps = pinned::maps(instance)?;
    maps.sort_by_key(|map| std::cmp::Reverse(map.octets));
    let entry = |map: pinned::Map| Memory {
        load: load.to_owned(),
        holder: format!("map {}", map.name),
        octets: map.octets,
    };
    Ok(maps.into_iter().map(entry).collect())
}

/// The resident set of the daemon.
fn daemon(instance: &str) -> Result<u64> {
    let folders = fs::read_dir("/proc").context("/proc")?.flatten();
    let folder = folders
        .map(|entry| entry.path())
        .find(|folder| fs::read(folder.join("cmdline")).is_ok_and(|line| runs(&line, instance)))
        .with_context(|| format!("no daemon of {instance} runs"))?;
    resident(&folder.join("smaps_rollup"))
}

/// Whether a command line, its words ended by NUL, is that of the instance's daemon.
fn runs(line: &[u8], instance: &str) -> bool {
    let words: Vec<&[u8]> = line.split(|octet| *octet == 0).collect();
    let named = |pair: &[&[u8]]| pair[0] == b"-N" && pair[1] == instance.as_bytes();
    words.windows(2).any(named) && words.contains(&&b"run"[..])
}

fn resident(file: &Path) -> Result<u64> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let kibibytes = text
        .lines()
        .find_map(|line| line.strip_prefix("Rss:")?.trim().strip_suffix("kB"));
    let kibibytes: Option<u64> = kibibytes.and_then(|number| number.trim().parse().ok());
    let octets = kibibytes.map(|number| number * 1024);
    octets.with_context(|| format!("{} tells no resident set", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_is_known_by_its_command_line() {
        let line = b"/x/netfwd\0-N\0a\0run\0--config\0a.toml\0";
        assert!(runs(line, "a"));
        assert!(!runs(line, "b"));
        assert!(!runs(b"/x/netfwd\0-N\0a\0session\0flush\0", "a"));
    }

    #[test]
    fn this_process_is_resident() {
        let octets = resident(Path::new("/proc/self/smaps_rollup")).expect("a resident set");
        assert!(octets > 100_000);
    }
}
