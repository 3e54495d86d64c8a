//! Bad input: one sentence that says what to do, the exit code of the contract, and nothing left
//! behind.

use std::{env, fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use anyhow::{Result, ensure};
use tests::{
    built,
    netns::Namespace,
    process::{self, Output, TIMEOUT},
    topology::Instance,
};

/// A configuration that is right in the place below.
const RIGHT: &str = "\
[host]
uplinks = [\"up0\"]

[[network]]
name = \"blue\"
vni = 200
peers = [\"172.31.0.2\"]

  [network.gateway]
  addresses = [\"10.0.3.1/24\"]
  masquerade = true

  [[network.port]]
  interface = \"veth-c1\"

  [[network.publish]]
  listen = \"8080/tcp\"
  to = \"10.0.3.11:80\"
";

/// A namespace with an uplink and a port.
struct Place {
    ns: Namespace,
}

impl Place {
    fn new() -> Result<Self> {
        let ns = Namespace::new("e")?;
        ns.ip("link add up0 type veth peer name up0-far
             addr add 172.31.0.1/24 dev up0
             link set up0 up
             link set up0-far up
             link add veth-c1 type veth peer name veth-c1-far
             link set veth-c1 up")?;
        Ok(Self { ns })
    }

    /// `netfwd run` with this configuration, behind a prefix that takes rights away.
    fn run(&self, prefix: &[&str], config: &str) -> Result<Output> {
        let file = env::temp_dir().join(format!("{}.toml", self.ns.name()));
        fs::write(&file, config)?;
        let netfwd = built::netfwd()?.to_string_lossy().into_owned();
        let words = [prefix, &[&netfwd, "-N", self.ns.name(), "run", "--config"]].concat();
        let mut command = self.ns.command(words[0]);
        command.args(&words[1..]).arg(&file);
        let output = process::run(command, TIMEOUT);
        fs::remove_file(&file)?;
        output
    }

    /// An error unless `run` fails so: with this exit code and one sentence that has all these words,
    /// and without a trace.
    fn refuses(&self, config: &str, code: i32, words: &[&str]) -> Result<()> {
        self.left_no_trace(&self.run(&[], config)?, code, words)
    }

    fn left_no_trace(&self, output: &Output, code: i32, words: &[&str]) -> Result<()> {
        let sentence = output.sentence(code)?;
        for word in words {
            ensure!(sentence.contains(word), "no \"{word}\" in: {sentence}");
        }
        let name = self.ns.name();
        for left in ["/sys/fs/bpf/netfwd", "/var/lib/netfwd"] {
            ensure!(
                !PathBuf::from(left).join(name).exists(),
                "{left}/{name} is left"
            );
        }
        ensure!(
            !PathBuf::from(format!("/run/netfwd/{name}.sock")).exists(),
            "a socket is left"
        );
        let devices = self.ns.interfaces()?;
        ensure!(
            devices == ["lo", "up0", "up0-far", "veth-c1", "veth-c1-far"],
            "{devices:?}"
        );
        let programs = self.ns.run("bpftool -j net show")?.stdout;
        ensure!(
            !programs.contains("ingress"),
            "programs are left: {programs}"
        );
        Ok(())
    }
}

/// The right configuration with one line changed.
fn with(from: &str, to: &str) -> String {
    assert!(RIGHT.contains(from), "{from} is not in the configuration");
    RIGHT.replacen(from, to, 1)
}

#[test]
fn the_right_configuration_is_right() -> Result<()> {
    let place = Place::new()?;
    let mut instance = Instance::new(&place.ns, RIGHT)?;
    instance.start()
}

#[test]
fn unknown_keys_are_refused_with_their_place() -> Result<()> {
    let place = Place::new()?;
    let line = format!("{}.toml:6", place.ns.name());
    place.refuses(&with("vni = 200", "vnj = 200"), 2, &[&line, "vnj"])?;
    place.refuses(&with("uplinks =", "uplink ="), 2, &[".toml:2", "uplink"])?;
    place.refuses(
        &with("[[network.port]]", "[[network.prot]]"),
        2,
        &[".toml:13", "prot"],
    )
}

#[test]
fn bad_values_are_refused_with_what_would_be_accepted() -> Result<()> {
    let place = Place::new()?;
    place.refuses(
        &with("vni = 200", "vni = 16777216"),
        2,
        &[".toml:6", "16777215"],
    )?;
    place.refuses(&with("vni = 200", "vni = \"200\""), 2, &[".toml:6", "vni"])?;
    place.refuses(
        &with("10.0.3.1/24", "10.0.3.1"),
        2,
        &[".toml:10", "10.0.3.1"],
    )?;
    place.refuses(&with("8080/tcp", "8080"), 2, &[".toml:17", "8080"])?;
    place.refuses(&with("8080/tcp", "8080/dccp"), 2, &[".toml:17", "dccp"])?;
    place.refuses(
        &with("172.31.0.2", "not-an-address"),
        2,
        &[".toml:7", "not-an-address"],
    )?;
    place.refuses("[host", 2, &[".toml:1"])
}

#[test]
fn overlaps_are_refused() -> Result<()> {
    let place = Place::new()?;
    let second = "[[network]]\nname = \"red\"\nvni = 200\n";
    place.refuses(&format!("{RIGHT}\n{second}"), 2, &[".toml:20", "200"])?;
    let second = "[[network]]\nname = \"blue\"\n";
    place.refuses(&format!("{RIGHT}\n{second}"), 2, &["blue"])?;
    let second = "[[network]]\nname = \"red\"\n[[network.port]]\ninterface = \"veth-c1\"\n";
    place.refuses(&format!("{RIGHT}\n{second}"), 2, &["veth-c1"])?;
    let second = "[[network.publish]]\nlisten = \"8080/tcp\"\nto = \"10.0.3.12:80\"\n";
    place.refuses(&format!("{RIGHT}\n{second}"), 2, &["8080/tcp"])
}

#[test]
fn missing_interfaces_are_named() -> Result<()> {
    let place = Place::new()?;
    place.refuses(&with("up0", "up7"), 1, &["up7"])?;
    place.refuses(&with("veth-c1", "veth-c7"), 1, &["veth-c7"])?;
    let pair = with(
        "interface = \"veth-c1\"",
        "netns = \"nft-nowhere\"\n  name = \"eth0\"",
    );
    place.refuses(&pair, 1, &["nft-nowhere"])
}

#[test]
fn a_missing_file_is_named() -> Result<()> {
    let place = Place::new()?;
    let mut command = place.ns.command(built::netfwd()?);
    command.args([
        "-N",
        place.ns.name(),
        "run",
        "--config",
        "/nonexistent/netfwd.toml",
    ]);
    let output = process::run(command, TIMEOUT)?;
    place.left_no_trace(&output, 2, &["/nonexistent/netfwd.toml"])
}

#[test]
fn a_foreign_vxlan_device_on_the_port_is_named() -> Result<()> {
    let place = Place::new()?;
    place
        .ns
        .ip("link add vx9 type vxlan id 9 dstport 4789 local 172.31.0.1\nlink set vx9 up")?;
    let output = place.run(&[], RIGHT)?;
    let sentence = output.sentence(1)?;
    ensure!(
        sentence.contains("vx9") && sentence.contains("4789"),
        "{sentence}"
    );
    place.ns.ip("link del vx9")?;
    place.left_no_trace(&output, 1, &[])
}

#[test]
fn without_root_it_says_so() -> Result<()> {
    let place = Place::new()?;
    let binary = Readable::netfwd(&place)?;
    let words = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let output = binary.run(&place, &words)?;
    place.left_no_trace(&output, 1, &["root"])
}

#[test]
fn without_the_capabilities_it_says_which() -> Result<()> {
    let place = Place::new()?;
    let bpf = [
        "setpriv",
        "--bounding-set=-bpf,-sys_admin",
        "--inh-caps=-bpf,-sys_admin",
    ];
    place.left_no_trace(&place.run(&bpf, RIGHT)?, 1, &["CAP_BPF"])?;
    let net = [
        "setpriv",
        "--bounding-set=-net_admin",
        "--inh-caps=-net_admin",
    ];
    place.left_no_trace(&place.run(&net, RIGHT)?, 1, &["CAP_NET_ADMIN"])
}

/// A copy of the loader and a configuration that anybody may read.
struct Readable {
    directory: PathBuf,
}

impl Readable {
    fn netfwd(place: &Place) -> Result<Self> {
        let directory = env::temp_dir().join(place.ns.name());
        fs::create_dir_all(&directory)?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
        fs::copy(built::netfwd()?, directory.join("netfwd"))?;
        fs::write(directory.join("netfwd.toml"), RIGHT)?;
        Ok(Self { directory })
    }

    fn run(&self, place: &Place, prefix: &[&str]) -> Result<Output> {
        let mut command: Command = place.ns.command(prefix[0]);
        command
            .args(&prefix[1..])
            .arg(self.directory.join("netfwd"));
        command.args(["-N", place.ns.name(), "run", "--config"]);
        command.arg(self.directory.join("netfwd.toml"));
        process::run(command, TIMEOUT)
    }
}

impl Drop for Readable {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn a_second_daemon_of_one_name_is_refused() -> Result<()> {
    let place = Place::new()?;
    let mut instance = Instance::new(&place.ns, RIGHT)?;
    instance.start()?;
    let path = instance.config_path().display().to_string();
    let second = instance.attempt(&format!("run --config {path}"))?;
    ensure!(second.sentence(1)?.contains(instance.name()), "{second}");
    ensure!(instance.daemon()?.is_alive(), "the first one ended");
    instance.cli("network show")?;
    Ok(())
}

#[test]
fn commands_without_a_daemon_or_an_instance_say_so() -> Result<()> {
    let place = Place::new()?;
    let instance = Instance::new(&place.ns, RIGHT)?;
    for show in ["network", "port", "peer", "fdb", "publish", "session"] {
        let output = instance.attempt(&format!("{show} show"))?;
        ensure!(output.sentence(1)?.contains(instance.name()), "{output}");
    }
    let output = instance.attempt("publish add 80/tcp --to 10.0.3.11:80 --network blue")?;
    ensure!(output.sentence(1)?.contains(instance.name()), "{output}");
    ensure!(
        instance.attempt("cleanup")?.code == Some(0),
        "there is nothing to clean up"
    );
    ensure!(
        instance.attempt("frobnicate")?.code == Some(2),
        "an unknown command"
    );
    Ok(())
}
