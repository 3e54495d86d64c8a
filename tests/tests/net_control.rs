//! Which instance a command is for, what is refused before anybody is asked, and how the socket refuses.

use std::{env, fs};

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::{
    built,
    netns::Namespace,
    process::{self, Output, TIMEOUT},
    topology::Instance,
};

fn host() -> Result<(Namespace, Instance)> {
    let ns = Namespace::new("hs")?;
    let config = format!(
        "[host]\nname = \"{}\"\nvtep = \"192.0.2.1\"\n[[network]]\nname = \"lan\"\n",
        ns.name()
    );
    let mut instance = Instance::new(&ns, &config)?;
    instance.start()?;
    Ok((ns, instance))
}

/// `netfwd ARGUMENTS` without `-N`, where this is the configuration of the host.
fn unnamed(ns: &Namespace, config: &str, arguments: &str) -> Result<Output> {
    let file = env::temp_dir().join(format!("{}-etc.toml", ns.name()));
    fs::write(&file, config)?;
    let netfwd = built::netfwd()?.display().to_string();
    let (file, script) = (
        file.display(),
        "mkdir /etc/netfwd && mv \"$0\" /etc/netfwd/netfwd.toml && exec \"$@\"",
    );
    let mut command = ns.command("unshare");
    command.args(["--mount", "sh", "-c"]);
    command.arg(format!("mount -t tmpfs none /etc && {script}"));
    command.arg(file.to_string()).arg(netfwd);
    command.args(arguments.split_whitespace());
    process::run(command, TIMEOUT)
}

#[test]
fn a_file_with_an_error_still_names_the_instance() -> Result<()> {
    let (ns, mut instance) = host()?;
    let config = format!("{}vnj = 7\n", instance.config()?);
    unnamed(&ns, &config, "network show")?.success()?;
    let nobody = format!("[host]\nname = \"{}-nobody\"\nvtep = 7\n", ns.name());
    let sentence = unnamed(&ns, &nobody, "reload")?;
    ensure!(sentence.sentence(1)?.contains("-nobody does not run"));
    let broken = unnamed(&ns, "[host\n", "cleanup")?;
    ensure!(broken.sentence(2)?.contains("/etc/netfwd/netfwd.toml:1"));
    ensure!(instance.daemon()?.is_alive());
    Ok(())
}

#[test]
fn a_reload_does_not_rename_an_instance() -> Result<()> {
    let (ns, instance) = host()?;
    let config = instance.config()?;
    instance.write(&config.replace(ns.name(), "another"))?;
    let refused = instance.attempt("reload")?;
    let sentence = refused.sentence(2)?;
    ensure!(
        sentence.contains("another") && sentence.contains(ns.name()),
        "{sentence}"
    );
    instance.write(&config)?;
    instance.cli("reload")?;
    Ok(())
}

#[test]
fn networks_are_replaced() -> Result<()> {
    let (_ns, instance) = host()?;
    instance.cli("network add red --vlan 10")?;
    instance.cli("neigh add 10.0.4.9 02:00:00:00:00:09 --network red")?;
    let again = instance.attempt("network add red")?;
    ensure!(again.sentence(1)?.contains("`replace`"));
    for _ in 0..2 {
        instance.cli("network replace red --gateway 10.0.4.1/24 --mtu 1400")?;
        let red = instance.object("network show", "name", "red")?;
        ensure!(red["mtu"] == 1400 && red["gateway"] != Value::Null, "{red}");
    }
    instance.object("neigh show", "ip", "10.0.4.9")?;
    let of_file = instance.attempt("network add lan")?;
    ensure!(of_file.sentence(1)?.contains("edit the file"));
    instance
        .attempt("network replace lan --mtu 1400")?
        .sentence(1)?;
    Ok(())
}

#[test]
fn mistakes_are_told_whether_a_daemon_runs_or_not() -> Result<()> {
    let (_ns, mut instance) = host()?;
    let mistakes = [
        "fdb add xx --network lan --port p1",
        "port add --network lan",
        "neigh add 10.0.0.9 ff:ff:ff:ff:ff:ff --network lan",
        "publish add 8100 --to 10.0.3.12:80 --network lan",
        "network add red --masquerade",
        "network add red --peer 192.0.2.7",
        "fdb flush --mac xx",
        "session flush --src nowhere",
        "network add red --gateway 10.0.9.0/24",
        "network add red --gateway 10.0.9.255/24",
        "network add red --gateway 127.0.0.1/8",
        "network add red --gateway 224.0.0.1/24",
    ];
    let refused = |instance: &Instance| -> Result<()> {
        for command in mistakes {
            instance.attempt(command)?.sentence(2)?;
        }
        Ok(())
    };
    refused(&instance)?;
    // What only the whole shows.
    instance
        .cli("network add red --vni 7 --peer 192.0.2.7")
        .err();
    instance
        .attempt("network add green --peer 192.0.2.7")?
        .sentence(2)?;
    instance.kill()?;
    refused(&instance)
}

/// What the socket answers: the status, and the object.
fn post(ns: &Namespace, path: &str, body: &str) -> Result<(String, Value)> {
    let mut command = ns.command("curl");
    let socket = format!("/run/netfwd/{}.sock", ns.name());
    command.args(["-s", "-w", "\n%{http_code}", "--unix-socket", &socket]);
    command.args(["-d", body, &format!("http://netfwd{path}")]);
    let output = process::run(command, TIMEOUT)?.success()?.stdout;
    let (body, status) = output.rsplit_once('\n').unwrap_or_default();
    Ok((status.to_owned(), serde_json::from_str(body)?))
}

#[test]
fn the_socket_refuses_in_sentences() -> Result<()> {
    let (ns, instance) = host()?;
    for (path, body, status, word) in [
        ("/v1/changes", "{", "400", "EOF"),
        ("/v1/changes", r#"{"op":"add"}"#, "400", "object"),
        (
            "/v1/changes",
            r#"{"op":"add","object":"network","name":"red","nonsense":1}"#,
            "400",
            "nonsense",
        ),
        ("/v1/fdb/flush", r#"{"netwrok":"lan"}"#, "400", "netwrok"),
        ("/v1/nowhere", "{}", "404", "/v1/nowhere"),
        ("/v1/status", "{}", "405", "POST"),
    ] {
        let (given, object) = post(&ns, path, body)?;
        let error = object["error"].as_str().unwrap_or_default();
        ensure!(
            given == status && error.contains(word),
            "{path} {body}: {given} {object}"
        );
        ensure!(object["exit"] == 2, "{object}");
    }
    ensure!(instance.json("network show")?.len() == 1);
    Ok(())
}

#[test]
fn cleanup_says_what_it_removed_and_nothing_else() -> Result<()> {
    let (_ns, mut instance) = host()?;
    instance.kill()?;
    let removed = instance.json("cleanup")?;
    let pins = instance.pins().display().to_string();
    ensure!(
        removed.iter().any(|one| one["removed"] == pins.as_str()),
        "{removed:?}"
    );
    ensure!(instance.json("cleanup")?.is_empty());
    let output = instance.cleanup()?;
    ensure!(output.stdout.is_empty(), "{output}");
    Ok(())
}
