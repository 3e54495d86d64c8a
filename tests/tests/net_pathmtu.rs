//! `netfwd check` measures the paths to peers: behind a router whose far link is narrower, past a router
//! that does not say so, and where nothing answers.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    netns::Namespace,
    topology::{Instance, veth},
};

const CONFIG: &str = "\
[host]
uplinks = [\"up0\"]

[[network]]
name = \"blue\"
vni = 200
peers = [\"172.31.0.254\", \"172.31.1.2\", \"172.31.0.9\", \"10.9.9.9\"]
";

/// A host and another one behind a router, whose link to it takes packets of 1,400 octets.
struct Place {
    host: Namespace,
    router: Namespace,
    _far: Namespace,
}

impl Place {
    fn new() -> Result<Self> {
        let (host, router) = (Namespace::new("h")?, Namespace::new("r")?);
        let far = Namespace::new("f")?;
        veth(&host, "up0", &router, "near")?;
        veth(&router, "far", &far, "up0")?;
        host.ip("addr add 172.31.0.1/24 dev up0\nroute add 172.31.1.0/24 via 172.31.0.254")?;
        router.ip(
            "addr add 172.31.0.254/24 dev near\naddr add 172.31.1.254/24 dev far
             link set far mtu 1400",
        )?;
        far.ip("addr add 172.31.1.2/24 dev up0\nlink set up0 mtu 1400
             route add default via 172.31.1.254")?;
        router.sysctl("net/ipv4/ip_forward", "1")?;
        router.sysctl("net/ipv6/conf/all/forwarding", "1")?;
        host.ip("addr add fd00::1/64 dev up0 nodad\nroute add fd01::/64 via fd00::fe")?;
        router.ip("addr add fd00::fe/64 dev near nodad\naddr add fd01::fe/64 dev far nodad")?;
        far.ip("addr add fd01::2/64 dev up0 nodad\nroute add default via fd01::fe")?;
        Ok(Self {
            host,
            router,
            _far: far,
        })
    }

    /// What is found of peers.
    fn findings(&self, config: &str) -> Result<Vec<Value>> {
        let instance = Instance::new(&self.host, config)?;
        let path = instance.config_path().display().to_string();
        let output = instance.attempt(&format!("-j check --config {path}"))?;
        let all: Vec<Value> =
            serde_json::from_str(&output.stdout).with_context(|| output.to_string())?;
        let of_peer = |finding: &Value| {
            let object = finding["object"].as_str().unwrap_or_default();
            object.starts_with("peer ")
        };
        let underlay = |finding: &Value| {
            let text = finding["finding"].as_str().unwrap_or_default();
            finding["object"] == "up0" && text.contains("underlay, with an MTU of 1500")
        };
        ensure!(all.iter().any(underlay), "up0 is not named: {output}");
        Ok(all.into_iter().filter(of_peer).collect())
    }
}

/// An error unless one finding of this severity about a peer has all these words.
fn says(findings: &[Value], peer: &str, severity: &str, words: &[&str]) -> Result<()> {
    let object = format!("peer {peer}");
    let about: Vec<&Value> = findings.iter().filter(|f| f["object"] == *object).collect();
    ensure!(about.len() == 1, "{} findings of {peer}", about.len());
    let text = about[0].to_string();
    ensure!(about[0]["severity"] == severity, "{text}");
    for word in words {
        ensure!(text.contains(word), "no \"{word}\" in {text}");
    }
    Ok(())
}

#[test]
fn each_peer_has_its_finding() -> Result<()> {
    let findings = Place::new()?.findings(CONFIG)?;
    says(&findings, "172.31.0.254", "info", &["path MTU of 1500"])?;
    let narrow = ["1400", "network blue needs 1500", "mtu = 1350"];
    says(&findings, "172.31.1.2", "warning", &narrow)?;
    says(&findings, "172.31.0.9", "warning", &["does not answer"])?;
    says(
        &findings,
        "10.9.9.9",
        "warning",
        &["nothing can be sent", "route"],
    )
}

#[test]
fn ipv6_paths_are_measured_with_their_overhead() -> Result<()> {
    let place = Place::new()?;
    // The router's link-local addresses are tentative for a second or two, and it resolves nothing.
    place.host.run("ping -c 1 -W 10 fd01::2")?;
    let config = CONFIG.replace("[\"up0\"]", "[\"up0\"]\nvtep = \"fd00::1\"");
    let config = config.replace(
        "\"172.31.0.254\", \"172.31.1.2\", \"172.31.0.9\", \"10.9.9.9\"",
        "\"fd00::fe\", \"fd01::2\", \"fd00::9\"",
    );
    let findings = place.findings(&config)?;
    says(&findings, "fd00::fe", "info", &["path MTU of 1500"])?;
    let narrow = ["1400", "needs 1500", "mtu = 1330", "70 of VXLAN"];
    says(&findings, "fd01::2", "warning", &narrow)?;
    says(&findings, "fd00::9", "warning", &["does not answer"])
}

#[test]
fn a_black_hole_is_measured_as_well() -> Result<()> {
    let place = Place::new()?;
    place.router.nft(
        "table ip t { chain c { type filter hook output priority 0; \
         icmp type destination-unreachable drop; }; }",
    )?;
    let findings = place.findings(CONFIG)?;
    says(
        &findings,
        "172.31.1.2",
        "warning",
        &["MTU is 1400", "mtu = 1350"],
    )
}

#[test]
fn a_network_that_fits_is_no_warning() -> Result<()> {
    let config = CONFIG.replace("vni = 200", "vni = 200\nmtu = 1350");
    let findings = Place::new()?.findings(&config)?;
    says(&findings, "172.31.1.2", "info", &["1400"])
}
