//! What netfwd shows of itself after the checks.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::instance::Instance;
use super::process;
use super::report::excerpt;
use super::topology::addresses;

/// The state that the traffic so far must have left on host a: behind ports the gateway, c1 and c2,
/// behind the peer c3 and c4.
pub fn hold_what_happened(a: &Instance) -> Result<String> {
    let fdb = a.objects("fdb show")?;
    let local = fdb.iter().filter(|entry| entry["port"].is_string()).count();
    let peer = addresses::UNDERLAY[1].to_string();
    let remote = fdb
        .iter()
        .filter(|entry| entry["peer"] == peer.as_str())
        .count();
    ensure!(
        local >= 3 && remote >= 2,
        "{local} FDB entries of ports, {remote} of peers"
    );
    let sessions = a.objects("session show")?;
    let kinds = ["masquerade", "publish"].map(|kind| count(&sessions, "kind", kind));
    ensure!(
        kinds.iter().all(|count| *count > 0),
        "sessions: {kinds:?} of masquerade, publish"
    );
    Ok(format!(
        "{local} stations behind ports, {remote} behind peers, {} masquerade, {} publish",
        kinds[0], kinds[1]
    ))
}

fn count(objects: &[Value], field: &str, value: &str) -> usize {
    objects
        .iter()
        .filter(|object| object[field] == value)
        .count()
}

/// Prints the tables of these commands as a person sees them, and what was dropped.
pub fn print(instance: &Instance, commands: &[&str]) -> Result<()> {
    for words in commands {
        excerpt(
            &format!("netfwd -N {} {words}", instance.name()),
            &instance.table(words)?,
            14,
        );
    }
    let drops = drops(instance)?;
    excerpt(
        &format!("drops by reason, netfwd -N {} -j stats", instance.name()),
        &drops,
        10,
    );
    Ok(())
}

fn drops(instance: &Instance) -> Result<String> {
    let lines = instance.objects("stats")?.into_iter().filter_map(|row| {
        let reason = row["reason"].as_str()?;
        let count = row["value"].as_u64().filter(|count| *count > 0)?;
        let (scope, name) = (row["scope"].as_str()?, row["name"].as_str()?);
        Some(format!("{count:>6}  {reason:<18} {scope} {name}"))
    });
    let lines = lines.collect::<Vec<_>>();
    Ok(if lines.is_empty() {
        "none".to_owned()
    } else {
        lines.join("\n")
    })
}

/// The FDB as bpftool reads the pinned map; field names show that it has BTF.
pub fn pinned_map(instance: &Instance) -> Result<String> {
    let file = instance.pinned_map("fdb");
    let mut bpftool = Command::new("bpftool");
    let dump = process::run(
        bpftool.args(["map", "dump", "pinned"]).arg(&file),
        Duration::from_secs(10),
    )?;
    for field in ["network", "mac", "ifindex", "last_seen_ns"] {
        ensure!(
            dump.contains(field),
            "the dump of {} lacks {field}",
            file.display()
        );
    }
    let entry = first_entry(&dump).context("the FDB is empty")?;
    Ok(format!("{}\n{entry}", file.display()))
}

/// The first key and value of a dump, on few lines.
fn first_entry(dump: &str) -> Option<String> {
    let body = dump.split_once('{')?.1;
    let entry = body.split("},{\n        \"key\"").next()?;
    let words: Vec<&str> = entry.split_whitespace().collect();
    Some(wrap(&words, 64))
}

fn wrap(words: &[&str], width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in words {
        if lines
            .last()
            .is_some_and(|line| line.len() + word.len() > width)
        {
            lines.push(String::new());
        }
        let line = lines.last_mut().expect("there is always a line");
        line.push_str(word);
    }
    lines.join("\n")
}
