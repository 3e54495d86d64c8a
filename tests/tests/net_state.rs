//! What was added by command, and what is learned: neither is lost by a start, a stop or a reload that
//! goes wrong.

use std::{
    cell::Cell, fs, io::Write, net::UdpSocket, os::unix::net::UnixStream, path::Path, thread,
    time::Duration,
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{
    netns::Namespace,
    packet::{Mac, RawSocket, ethernet},
    process::{TIMEOUT, eventually},
    topology::Instance,
};

const STATION: Mac = [2, 0, 0, 0, 0, 0x11];
const LAN: &str = "[[network]]\nname = \"lan\"\n";
const P1: &str = "[[network.port]]\ninterface = \"p1\"\n";

/// A host with `p1`, whose other end `e1` is in another namespace, and with `p2`.
struct Host {
    instance: Instance,
    ns: Namespace,
    container: Namespace,
}

impl Host {
    fn new(config: &str) -> Result<Self> {
        let (ns, container) = (Namespace::new("hs")?, Namespace::new("cn")?);
        let instance = Instance::new(&ns, config)?;
        let host = Self {
            instance,
            ns,
            container,
        };
        host.cables()?;
        Ok(host)
    }

    fn started() -> Result<Self> {
        let mut host = Self::new(&format!("{LAN}{P1}"))?;
        host.instance.start()?;
        Ok(host)
    }

    fn cables(&self) -> Result<()> {
        let container = self.container.name();
        self.ns.ip(&format!(
            "link add p1 type veth peer name e1 netns {container}
             link add p2 type veth peer name e2 netns {container}
             link set p1 up
             link set p2 up"
        ))?;
        self.container.ip("link set e1 up\nlink set e2 up")
    }

    /// What a reboot leaves: files under /var/lib, and nothing else.
    fn reboot(&mut self) -> Result<()> {
        self.instance.kill()?;
        fs::remove_dir_all(self.instance.pins())?;
        for link in self.ns.interfaces()? {
            if link != "lo" && self.ns.interfaces()?.contains(&link) {
                self.ns.ip(&format!("link del {link}"))?;
            }
        }
        Ok(())
    }

    /// Tries a start that must fail; gives the sentence.
    fn fails_to_start(&self) -> Result<String> {
        let path = self.instance.config_path().display().to_string();
        let output = self.instance.attempt(&format!("run --config {path}"))?;
        Ok(output.sentence(1)?.to_owned())
    }

    fn neighbour(&self) -> Result<Value> {
        self.instance.object("neigh show", "ip", "10.0.0.9")
    }

    /// Has the container send a frame, from which the station is learned.
    fn learns(&self) -> Result<()> {
        let frame = ethernet([0xff; 6], STATION, 0x88b5, &[0; 46]);
        RawSocket::open(&self.container, "e1")?.send(&frame)?;
        eventually("the station is learned", TIMEOUT, || {
            Ok(self.station().is_ok())
        })
    }

    fn station(&self) -> Result<Value> {
        let mac = "02:00:00:00:00:11";
        self.instance.object("fdb show", "mac", mac)
    }
}

const NEIGHBOUR: &str = "neigh add 10.0.0.9 02:00:00:00:00:09 --network lan";

#[test]
fn a_start_that_fails_after_a_reboot_keeps_what_was_added_by_command() -> Result<()> {
    let mut host = Host::started()?;
    host.instance.cli(NEIGHBOUR)?;
    host.instance.cli("port add p2 --network lan")?;
    host.reboot()?;
    ensure!(host.fails_to_start()?.contains("port p1 does not exist"));
    ensure!(!host.instance.pins().exists(), "what the start made stays");
    host.cables()?;
    host.instance.start()?;
    host.neighbour()?;
    host.instance.object("port show", "interface", "p2")?;
    Ok(())
}

#[test]
fn a_state_file_that_cannot_be_understood_is_not_deleted() -> Result<()> {
    let mut host = Host::started()?;
    host.reboot()?;
    host.cables()?;
    let file = host.instance.state().join("runtime.json");
    fs::write(&file, "{\"neighbours\": [")?;
    let sentence = host.fails_to_start()?;
    ensure!(sentence.contains("runtime.json") && sentence.contains("repair it"));
    ensure!(fs::read_to_string(&file)? == "{\"neighbours\": [");
    Ok(())
}

/// A VTEP, and a network that needs the UDP port of VXLAN.
const VTEP: &str = "[host]\nvtep = \"192.0.2.1\"\n";
const FAR: &str = "[[network]]\nname = \"far\"\nvni = 7\n";

/// Somebody else has the UDP port: found out only when the companion comes up.
fn busy(ns: &Namespace) -> Result<UdpSocket> {
    Ok(ns.within(|| UdpSocket::bind("0.0.0.0:4789"))?)
}

#[test]
fn a_first_start_that_fails_half_way_leaves_nothing() -> Result<()> {
    let host = Host::new(&format!("{VTEP}{FAR}{LAN}{P1}"))?;
    let _busy = busy(&host.ns)?;
    host.fails_to_start()?;
    ensure!(!host.instance.state().exists() && !host.instance.pins().exists());
    ensure!(host.ns.interfaces()? == ["lo", "p1", "p2"]);
    Ok(())
}

#[test]
fn teardown_and_cleanup_can_keep_what_was_added_by_command() -> Result<()> {
    let mut host = Host::started()?;
    host.instance.cli(NEIGHBOUR)?;
    host.instance.stop()?;
    host.instance.start_with("--teardown")?;
    host.instance.stop()?;
    ensure!(!host.instance.pins().exists(), "pins are left");
    host.instance.start()?;
    host.neighbour()?;
    host.instance.stop()?;
    host.instance.cli("cleanup --keep-state")?;
    host.instance.start()?;
    host.neighbour()?;
    host.instance.stop()?;
    host.instance.cleanup()?;
    ensure!(!host.instance.state().exists(), "state is left");
    Ok(())
}

#[test]
fn a_client_that_goes_away_cancels_no_change() -> Result<()> {
    let mut host = Host::started()?;
    let config = host.instance.config()?;
    let network = |n| {
        format!(
            "[[network]]\nname = \"n{n}\"\n[network.gateway]\naddresses = [\"10.1.{n}.1/24\"]\n"
        )
    };
    let more: String = (0..40).map(network).collect();
    host.instance.write(&format!("{config}{more}"))?;
    let socket = Path::new("/run/netfwd").join(format!("{}.sock", host.instance.name()));
    let mut client = UnixStream::connect(socket)?;
    client.write_all(b"POST /v1/reload HTTP/1.1\r\nhost: netfwd\r\ncontent-length: 0\r\n\r\n")?;
    let begun = || Ok(host.ns.interfaces()?.len() > 5);
    eventually("the first devices", TIMEOUT, begun)?;
    drop(client);
    // Waits for its turn behind the change, whole or not.
    host.instance.cli(NEIGHBOUR)?;
    let networks = host.instance.json("network show")?;
    ensure!(networks.len() == 41, "{} networks", networks.len());
    ensure!(host.instance.daemon()?.is_alive());
    Ok(())
}

/// Reloads a file that renames the network and brings something that cannot be had.
fn fails_to_rename(what: impl Fn(&Host) -> String, vtep: &str) -> Result<()> {
    let mut host = Host::new(&format!("{vtep}{LAN}{P1}"))?;
    host.instance.start()?;
    host.learns()?;
    let ids = host.instance.state().join("ids.json");
    let numbers = || -> Result<Value> {
        let ids: Value = serde_json::from_str(&fs::read_to_string(&ids)?)?;
        Ok(json!([
            ids["networks"],
            ids["network_slots"],
            ids["port_slots"]
        ]))
    };
    let before = numbers()?;
    let renamed = format!("{vtep}{}{P1}", LAN.replace("lan", "green"));
    host.instance.write(&format!("{renamed}{}", what(&host)))?;
    host.instance.attempt("reload")?.sentence(1)?;
    ensure!(numbers()? == before, "{} became {}", before, numbers()?);
    ensure!(host.station()?["port"] == "p1");
    host.instance.write(&renamed)?;
    host.instance.cli("reload")?;
    host.instance.object("network show", "name", "green")?;
    Ok(())
}

#[test]
fn a_reload_that_fails_half_way_keeps_stations_and_numbers() -> Result<()> {
    let socket = Cell::new(None);
    let far = |host: &Host| {
        socket.set(busy(&host.ns).ok());
        FAR.to_owned()
    };
    fails_to_rename(far, VTEP)
}

#[test]
fn a_reload_that_brings_a_port_that_cannot_be_had_does_as_well() -> Result<()> {
    // The pair's other end has a name that is taken in the container.
    let taken = |host: &Host| {
        let netns = host.container.name();
        format!("[[network.port]]\nnetns = \"{netns}\"\nname = \"e2\"\n")
    };
    fails_to_rename(taken, "")
}

#[test]
fn what_waits_already_waits_on_another_line_and_over_a_restart() -> Result<()> {
    let missing = "[[network.port]]\ninterface = \"p3\"\n";
    let mut host = Host::new(&format!("{LAN}{P1}{missing}"))?;
    ensure!(host.fails_to_start()?.contains("port p3 does not exist"));
    host.ns.ip("link add p3 type veth peer name e3")?;
    host.instance.start()?;
    host.ns.ip("link del p3")?;
    let waits = || Ok(host.instance.cli("status")?.stdout.contains("waiting:"));
    eventually("it waits", TIMEOUT, waits)?;
    let moved = format!("# A line above.\n{}", host.instance.config()?);
    host.instance.write(&moved)?;
    host.instance.cli("reload")?;
    // What is new is refused as ever.
    host.instance.write(&moved.replace("p3", "p4"))?;
    ensure!(host.instance.attempt("reload")?.sentence(1)?.contains("p4"));
    host.instance.write(&moved)?;
    host.instance.kill()?;
    host.instance.start()?;
    ensure!(
        host.instance
            .cli("status")?
            .stdout
            .contains("port p3 does not exist")
    );
    Ok(())
}

#[test]
fn what_loses_its_network_is_named_and_left_out() -> Result<()> {
    let mut host = Host::started()?;
    host.instance.cli("port add p2 --network lan")?;
    let (lan, green) = (host.instance.config()?, LAN.replace("lan", "green"));
    host.instance.write(&green)?;
    let refused = host.instance.attempt("reload")?;
    let sentence = refused.sentence(1)?;
    ensure!(sentence.contains("port p2, added by command, is in network lan"));
    ensure!(sentence.contains("`netfwd port del p2 --network lan`"));
    host.instance.kill()?;
    host.instance.start()?;
    let said = host.instance.daemon()?.stderr();
    ensure!(said.contains("left out") && said.contains("port p2") && said.contains("misfits.json"));
    ensure!(host.instance.json("port show")?.is_empty());
    host.instance.write(&lan)?;
    host.instance.kill()?;
    host.instance.start()?;
    host.instance.object("port show", "interface", "p2")?;
    ensure!(!host.instance.state().join("misfits.json").exists());
    Ok(())
}

#[test]
fn a_static_entry_is_replaced_by_one_that_ages() -> Result<()> {
    let host = Host::started()?;
    host.instance.cli("port add p2 --network lan")?;
    let station = "02:00:00:00:00:11 --network lan";
    host.instance
        .cli(&format!("fdb add {station} --port p1 --static"))?;
    host.instance
        .cli(&format!("fdb replace {station} --port p2 --sticky"))?;
    let entry = host.station()?;
    ensure!(
        entry["port"] == "p2" && entry["flags"] == json!(["sticky"]),
        "{entry}"
    );
    host.instance
        .cli(&format!("fdb replace {station} --port p1 --static"))?;
    host.instance
        .cli(&format!("fdb replace {station} --port p1"))?;
    ensure!(host.station()?["flags"] == json!([]), "{}", host.station()?);
    thread::sleep(Duration::from_millis(1500));
    ensure!(host.station()?["port"] == "p1");
    Ok(())
}
