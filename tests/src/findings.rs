//! What `netfwd check` finds, and what comes of its remedies.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{netns::Namespace, process, topology::Instance};

/// The findings of one check.
#[derive(Debug)]
pub struct Findings(Vec<Value>);

impl Findings {
    /// Checks the configuration of an instance, which need not run.
    pub fn of(instance: &Instance) -> Result<Self> {
        let path = instance.config_path().display().to_string();
        let output = instance.attempt(&format!("-j check --config {path}"))?;
        let all: Vec<Value> =
            serde_json::from_str(&output.stdout).with_context(|| output.to_string())?;
        for finding in &all {
            let remedy = finding["remedy"].as_str().unwrap_or_default();
            ensure!(!remedy.is_empty(), "no remedy: {finding}");
        }
        Ok(Self(all))
    }

    fn with(&self, words: &[&str]) -> Vec<&Value> {
        let has = |finding: &&Value| {
            let text = finding.to_string();
            words.iter().all(|word| text.contains(word))
        };
        self.0.iter().filter(has).collect()
    }

    /// The one finding of this severity that has all these words.
    pub fn one(&self, severity: &str, words: &[&str]) -> Result<&Value> {
        let found = self.with(words);
        ensure!(
            found.len() == 1 && found[0]["severity"] == severity,
            "one {severity} with {words:?} was expected: {found:#?} of {:#?}",
            self.0
        );
        Ok(found[0])
    }

    /// An error where a finding has all these words.
    pub fn none(&self, words: &[&str]) -> Result<()> {
        let found = self.with(words);
        ensure!(found.is_empty(), "{found:#?}");
        Ok(())
    }
}

/// Runs the commands between backticks of a finding's remedy, as its reader would; an error where there is
/// none.
pub fn remedy(ns: &Namespace, finding: &Value) -> Result<()> {
    let text = finding["remedy"].as_str().unwrap_or_default();
    let commands: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    ensure!(!commands.is_empty(), "no command in {text}");
    for line in commands {
        let mut command = ns.command("sh");
        command.args(["-c", line]);
        process::run(command, process::TIMEOUT)?.success()?;
    }
    Ok(())
}
