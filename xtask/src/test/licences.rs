//! Every dependency's licence against deny.toml's list, for machines without cargo-deny.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Every package that no allowed licence covers, as a sentence each. `metadata` is what
/// `cargo metadata` prints.
pub fn refused(root: &Path, metadata: &str) -> Result<Vec<String>> {
    let file = root.join("deny.toml");
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let policy: toml::Table = text.parse().context("deny.toml is not TOML")?;
    let licences = policy
        .get("licenses")
        .context("deny.toml has no [licenses]")?;
    let metadata: Value = serde_json::from_str(metadata).context("cargo metadata is not JSON")?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata names no packages")?;
    ensure!(!packages.is_empty(), "cargo metadata names no packages");
    Ok(packages
        .iter()
        .filter_map(|package| refusal(package, licences))
        .collect())
}

fn refusal(package: &Value, licences: &toml::Value) -> Option<String> {
    let name = package["name"]
        .as_str()
        .unwrap_or("a package without a name");
    let Some(expression) = package["license"].as_str() else {
        return Some(format!("{name} names no licence"));
    };
    let mut allowed = strings(licences.get("allow"));
    for exception in licences
        .get("exceptions")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
    {
        if exception.get("crate").and_then(toml::Value::as_str) == Some(name) {
            allowed.extend(strings(exception.get("allow")));
        }
    }
    (!satisfied(expression, &allowed))
        .then(|| format!("{name} is licensed {expression}, which deny.toml does not allow"))
}

fn strings(list: Option<&toml::Value>) -> Vec<&str> {
    let list = list.and_then(toml::Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(toml::Value::as_str)
        .collect()
}

/// Whether an SPDX expression can be satisfied with the allowed licences. A slash is an old OR.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest, allowed) && rest.is_empty()
}

fn any(words: &mut &[&str], allowed: &[&str]) -> bool {
    let mut holds = all(words, allowed);
    while take(words, "OR") {
        holds |= all(words, allowed);
    }
    holds
}

fn all(words: &mut &[&str], allowed: &[&str]) -> bool {
    let mut holds = one(words, allowed);
    while take(words, "AND") {
        holds &= one(words, allowed);
    }
    holds
}

/// A licence, with its exception when it has one (exceptions only permit more), or parentheses.
fn one(words: &mut &[&str], allowed: &[&str]) -> bool {
    if take(words, "(") {
        let holds = any(words, allowed);
        return take(words, ")") && holds;
    }
    let Some((first, rest)) = words.split_first() else {
        return false;
    };
    *words = rest;
    if take(words, "WITH") {
        *words = words.get(1..).unwrap_or_default();
    }
    allowed.contains(first)
}

fn take(words: &mut &[&str], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWED: &[&str] = &["Apache-2.0", "MIT", "Unicode-3.0"];

    #[test]
    fn one_allowed_alternative_is_enough() {
        for expression in [
            "MIT",
            "Unlicense OR MIT",
            "Unlicense/MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "GPL-3.0-only OR Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(satisfied(expression, ALLOWED), "{expression}");
        }
    }

    #[test]
    fn every_part_of_a_conjunction_is_needed() {
        for expression in [
            "MIT AND GPL-2.0-only",
            "(MIT OR Zlib) AND Zlib",
            "Zlib",
            "",
            "(MIT",
        ] {
            assert!(!satisfied(expression, ALLOWED), "{expression}");
        }
    }

    #[test]
    fn an_exception_is_for_its_crate_alone() {
        let licences = r#"
            allow = ["MIT"]
            exceptions = [{ allow = ["GPL-2.0-only"], crate = "programs" }]
        "#;
        let licences = toml::Value::Table(licences.parse().unwrap());
        let package = |name: &str| serde_json::json!({ "name": name, "license": "GPL-2.0-only" });
        assert_eq!(refusal(&package("programs"), &licences), None);
        assert!(
            refusal(&package("other"), &licences)
                .unwrap()
                .starts_with("other is licensed")
        );
    }
}
