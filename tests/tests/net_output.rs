//! What commands do where nobody reads what they say, or it cannot be written; and what they say of a
//! configuration, a command or an instance that is not there.

use std::{
    fs::OpenOptions,
    io,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{built, netns::Namespace, topology::Instance};

const CONFIG: &str = "\
[[network]]
name = \"blue\"

  [network.gateway]
  addresses = [\"10.0.3.1/24\"]
  masquerade = true

  [[network.port]]
  interface = \"p0\"
";

/// Commands that print, each by another way.
const COMMANDS: [&str; 9] = [
    "status",
    "-j status",
    "port show",
    "stats",
    "stats --watch",
    "session flush",
    "check --config",
    "--help",
    "--version",
];

struct Place {
    ns: Namespace,
    instance: Instance,
}

impl Place {
    fn new() -> Result<Self> {
        let ns = Namespace::new("out")?;
        ns.ip("link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up")?;
        let mut instance = Instance::new(&ns, CONFIG)?;
        instance.start()?;
        Ok(Self { ns, instance })
    }

    fn command(&self, words: &str) -> Result<Command> {
        let mut command = self.ns.command(built::netfwd()?);
        command.args(["-N", self.ns.name()]);
        command.args(words.split_whitespace());
        if words.ends_with("--config") {
            command.arg(self.instance.config_path());
        }
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// The exit code and standard error of a command whose output goes there.
    fn said(&self, words: &str, out: impl Into<Stdio>) -> Result<(Option<i32>, String)> {
        let mut command = self.command(words)?;
        let output = command.stdout(out).stderr(Stdio::piped()).output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((output.status.code(), said))
    }
}

fn full() -> Result<Stdio> {
    Ok(OpenOptions::new().write(true).open("/dev/full")?.into())
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() -> Result<()> {
    let place = Place::new()?;
    for words in COMMANDS {
        let (reader, writer) = io::pipe()?;
        drop(reader);
        let (code, said) = place.said(words, writer)?;
        ensure!(
            code == Some(0) && said.is_empty(),
            "{words}: {code:?}, {said}"
        );
    }
    Ok(())
}

#[test]
fn what_cannot_be_written_is_one_sentence() -> Result<()> {
    let place = Place::new()?;
    for words in COMMANDS {
        let (code, said) = place.said(words, full()?)?;
        ensure!(
            code == Some(1) && said.lines().count() == 1,
            "{words}: {code:?}, {said}"
        );
        for word in ["standard output", "No space left", "make room"] {
            ensure!(said.contains(word), "{words}: no \"{word}\" in {said}");
        }
    }
    Ok(())
}

#[test]
fn errors_that_cannot_be_written_keep_their_exit_code() -> Result<()> {
    let place = Place::new()?;
    for (words, expected) in [("nosuch", 2), ("fdb show --network nosuch", 1)] {
        let mut command = place.command(words)?;
        let status = command.stdout(Stdio::null()).stderr(full()?).status()?;
        ensure!(status.code() == Some(expected), "{words}: {status}");
    }
    Ok(())
}

#[test]
fn a_daemon_outlives_who_read_its_log() -> Result<()> {
    let ns = Namespace::new("log")?;
    ns.ip("link add p0 type veth peer name p1\nlink set p0 up\nlink set p1 up")?;
    let instance = Instance::new(&ns, CONFIG)?;
    let (reader, writer) = io::pipe()?;
    drop(reader);
    let mut command = ns.command(built::netfwd()?);
    command.args(["-N", ns.name(), "run", "--config"]);
    command.arg(instance.config_path()).stdin(Stdio::null());
    let mut daemon = command.stderr(writer).spawn()?;
    let answers = || -> Result<bool> {
        Ok(instance
            .json("status")?
            .first()
            .is_some_and(|it| it["running"] == true))
    };
    let answered = tests::process::eventually("an answer", tests::process::TIMEOUT, || {
        Ok(instance.pins().exists() && answers().unwrap_or(false))
    });
    // A reload that is refused is logged.
    instance.write("[host")?;
    let refused = instance.attempt("reload");
    let still = answers();
    daemon.kill()?;
    daemon.wait()?;
    answered?;
    ensure!(refused?.code == Some(2), "a bad file is refused");
    ensure!(still?, "the daemon has ended");
    Ok(())
}

#[test]
fn a_bad_file_is_a_finding() -> Result<()> {
    let ns = Namespace::new("bad")?;
    let instance = Instance::new(&ns, "[host]\nname = \"a\"\nname = \"b\"\n")?;
    let path = instance.config_path().display().to_string();
    let output = instance.attempt(&format!("-j check --config {path}"))?;
    let said = output.sentence(2)?;
    ensure!(
        said.contains(".toml:3") && said.contains("`name`"),
        "{said}"
    );
    let findings: Vec<Value> =
        serde_json::from_str(&output.stdout).with_context(|| output.to_string())?;
    ensure!(findings.len() == 1, "{output}");
    ensure!(findings[0]["severity"] == "error", "{output}");
    let text = findings[0]["finding"].as_str().unwrap_or_default();
    ensure!(text.contains("duplicate key"), "{output}");
    Ok(())
}

#[test]
fn a_command_without_its_subcommand_is_told_which_there_are() -> Result<()> {
    let ns = Namespace::new("sub")?;
    let instance = Instance::new(&ns, CONFIG)?;
    for words in ["network", "port", "session"] {
        let output = instance.attempt(words)?;
        let said = output.sentence(2)?;
        ensure!(said.contains("show") && said.contains("--help"), "{said}");
    }
    let mut bare = ns.command(built::netfwd()?);
    let output = bare.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(2) && said.lines().count() == 1,
        "{said}"
    );
    Ok(())
}

#[test]
fn an_instance_that_never_was_has_no_status() -> Result<()> {
    let ns = Namespace::new("none")?;
    let instance = Instance::new(&ns, CONFIG)?;
    for words in ["status", "-j status", "port show"] {
        let output = instance.attempt(words)?;
        let said = output.sentence(1)?;
        ensure!(
            said.contains(instance.name()) && said.contains("no maps"),
            "{said}"
        );
    }
    Ok(())
}

#[test]
fn a_table_without_a_daemon_names_the_version() -> Result<()> {
    let mut place = Place::new()?;
    place.instance.kill()?;
    let said = place.instance.cli("status")?.stdout;
    let version = env!("CARGO_PKG_VERSION");
    ensure!(
        said.contains(&format!("netfwd {version}, no daemon runs")),
        "{said}"
    );
    Ok(())
}
