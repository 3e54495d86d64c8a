//! What a trunk of several networks counts in each of them, and by itself.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    packet::{Mac, ether_type, ethernet, tagged},
    process::eventually,
};

use super::{BAD_SOURCE, FRAMES, Host, OCTETS, OTHER, SOON, STATION, value};

/// `p1` is a trunk of VLAN 10 in network `a`, whose other port is `p2`, and of VLAN 20 in network `b`, with `p3`.
const TENANTS: &str = "[[network]]\nname = \"a\"\n\
    [[network.port]]\ninterface = \"p1\"\ntrunk = [10]\n[[network.port]]\ninterface = \"p2\"\nvlan = 10\n\
    [[network]]\nname = \"b\"\n\
    [[network.port]]\ninterface = \"p1\"\ntrunk = [20]\n[[network.port]]\ninterface = \"p3\"\nvlan = 20\n";
const ALL: Mac = [0xff; 6];
const COUNTERS: [&str; 7] = [
    "rx_packets",
    "rx_bytes",
    "tx_packets",
    "tx_bytes",
    "drops",
    "learned",
    "learn_refused",
];

impl Host {
    /// Sends frames with a tag.
    fn send_in(&self, vlan: u16, port: u8, (from, to): (Mac, Mac), frames: u64) -> Result<()> {
        let frame = ethernet(to, from, 0x88b5, &[0; 46]);
        self.send_frame(port, &tagged(&frame, ether_type::C_TAG, vlan), frames)
    }

    /// Reloads, and waits for it.
    fn become_that(&self, config: &str) -> Result<()> {
        self.instance.write(config)?;
        self.instance.cli("reload")?;
        Ok(())
    }
}

/// A tenant of the trunk: its network, the VLAN and the other port, and what is sent in it. Both tenants have the same
/// MACs.
struct Tenant {
    network: &'static str,
    vlan: u16,
    port: u8,
    /// Frames: flooded from the trunk and to it, unicast from it and to it, and dropped.
    frames: [u64; 5],
}

const A: Tenant = Tenant {
    network: "a",
    vlan: 10,
    port: 2,
    frames: [3, 5, 7, 11, 2],
};
const B: Tenant = Tenant {
    network: "b",
    vlan: 20,
    port: 3,
    frames: [13, 17, 19, 23, 4],
};

impl Tenant {
    fn send(&self, host: &Host) -> Result<()> {
        let [out, back, to_port, to_trunk, bad] = self.frames;
        host.send_in(self.vlan, 1, (STATION, ALL), out)?;
        host.send(self.port, OTHER, ALL, back)?;
        host.send_in(self.vlan, 1, (STATION, OTHER), to_port)?;
        host.send(self.port, OTHER, STATION, to_trunk)?;
        host.send_in(self.vlan, 1, (BAD_SOURCE, OTHER), bad)
    }

    /// What the trunk counts in this network, as [`COUNTERS`]: octets are those without the tag.
    fn of_trunk(&self) -> [u64; 7] {
        let [out, back, to_port, to_trunk, bad] = self.frames;
        let (rx, tx) = (out + to_port + bad, back + to_trunk);
        [rx, OCTETS * rx, tx, OCTETS * tx, bad, 1, 0]
    }

    /// What the other port does.
    fn of_port(&self) -> [u64; 7] {
        let [out, back, to_port, to_trunk, _] = self.frames;
        let (rx, tx) = (back + to_trunk, out + to_port);
        [rx, OCTETS * rx, tx, OCTETS * tx, 0, 1, 0]
    }
}

fn sum(a: [u64; 7], b: [u64; 7]) -> [u64; 7] {
    std::array::from_fn(|index| a[index] + b[index])
}

fn values(rows: &[Value], object: (&str, &str)) -> [u64; 7] {
    COUNTERS.map(|counter| value(rows, object, counter))
}

/// Checks everything that is told of a tenant.
fn check(host: &Host, tenant: &Tenant) -> Result<()> {
    let (name, port) = (tenant.network, format!("p{}", tenant.port));
    let (trunk, other) = (tenant.of_trunk(), tenant.of_port());
    let rows = host.rows(&format!("--network {name}"))?;
    let network = values(&rows, ("network", name));
    ensure!(network == sum(trunk, other), "{name}: {rows:#?}");
    let bad = rows.iter().filter(|row| row["counter"] == "drops");
    let reasons: Vec<_> = bad.map(|row| &row["reason"]).collect();
    ensure!(reasons == ["source-mac"], "{name}: {reasons:?}");
    let rows = host.rows(&format!("--network {name} --port p1"))?;
    ensure!(values(&rows, ("port", "p1")) == trunk, "{name}: {rows:#?}");
    let rows = host.rows(&format!("--network {name} --port {port}"))?;
    ensure!(values(&rows, ("port", &port)) == other, "{name}: {rows:#?}");
    let shown = host.instance.object("network show", "name", name)?;
    ensure!(shown["learned"] == 2, "{shown}");
    Ok(())
}

/// Whether the port's own figures are these, in `stats` and in `port show`.
fn check_port(host: &Host, wanted: [u64; 7]) -> Result<()> {
    let rows = host.rows("--port p1")?;
    ensure!(values(&rows, ("port", "p1")) == wanted, "{rows:#?}");
    let shown = host.instance.object("port show", "interface", "p1")?;
    for (counter, wanted) in COUNTERS.iter().zip(wanted).take(6) {
        ensure!(shown[counter] == wanted, "{counter}: {shown}");
    }
    Ok(())
}

/// A host whose trunk has carried the frames of both tenants, which are all counted.
fn tenants() -> Result<Host> {
    let host = Host::new(TENANTS)?;
    A.send(&host)?;
    B.send(&host)?;
    let all = sum(A.of_trunk(), B.of_trunk());
    eventually("all frames are counted", SOON, || {
        Ok(check_port(&host, all).is_ok())
    })
    .with_context(|| format!("{:#?}", host.rows("--port p1")))?;
    Ok(host)
}

#[test]
fn a_trunk_counts_for_each_of_its_networks() -> Result<()> {
    let host = tenants()?;
    check(&host, &A)?;
    check(&host, &B)?;
    // What is in no network's VLAN is the port's own, which is its first network's.
    host.send_in(30, 1, (STATION, OTHER), 6)?;
    let mut rows = Vec::new();
    eventually("the drops are counted", SOON, || {
        rows = host.rows("")?;
        Ok(value(&rows, ("network", "a"), "drops") == A.frames[4] + 6)
    })
    .with_context(|| format!("{rows:#?}"))?;
    check(&host, &B)?;
    // A reload that changes something else leaves all of them as they are.
    let before = host.rows("")?;
    host.become_that(&format!("{TENANTS}[[network]]\nname = \"c\"\n"))?;
    let after = host.rows("")?;
    let kept = after.iter().filter(|row| row["name"] != "c");
    let kept: Vec<_> = kept.cloned().collect();
    ensure!(kept == before, "{before:#?}, then {kept:#?}");
    Ok(())
}

#[test]
fn a_network_that_leaves_a_trunk_takes_its_part_along() -> Result<()> {
    let host = tenants()?;
    let carried = |filter: &str| {
        let [carried @ .., _, _] = values(&host.rows(filter)?, ("port", "p1"));
        anyhow::Ok(carried)
    };
    let [of_a @ .., _, _] = A.of_trunk();
    let at = TENANTS.find("[[network]]\nname = \"b\"");
    let alone = TENANTS.split_at(at.context("network b")?).0;
    host.become_that(alone)?;
    // What was learned behind the trunk is forgotten, as with any change of its VLANs; what it carried is not.
    ensure!(carried("--port p1")? == of_a);
    ensure!(carried("--network a --port p1")? == of_a);
    // It comes back as another one, and counts from nothing.
    host.become_that(TENANTS)?;
    ensure!(carried("--network a --port p1")? == of_a);
    ensure!(carried("--network b --port p1")? == [0; 5]);
    ensure!(carried("--port p1")? == of_a);
    Ok(())
}

#[test]
fn a_flush_of_a_trunk_is_one_in_all_of_its_networks() -> Result<()> {
    let host = tenants()?;
    let behind = |port: &str| {
        let shown = host.instance.json(&format!("fdb show --port {port}"))?;
        anyhow::Ok(shown.len())
    };
    ensure!((behind("p1")?, behind("p2")?, behind("p3")?) == (2, 1, 1));
    host.instance.cli("fdb flush --port p1")?;
    ensure!((behind("p1")?, behind("p2")?, behind("p3")?) == (0, 1, 1));
    let rows = host.rows("--port p1")?;
    ensure!(value(&rows, ("port", "p1"), "learned") == 0, "{rows:#?}");
    // By command a station is put where it counts for its network as well.
    for kind in ["", " --static"] {
        let before = values(&host.rows("--network b --port p1")?, ("port", "p1"))[2];
        host.instance.cli(&format!(
            "fdb replace 02:00:00:00:00:11 --network b --vlan 20 --port p1{kind}"
        ))?;
        host.send(3, OTHER, STATION, FRAMES)?;
        let mut rows = Vec::new();
        eventually("the frames are counted for its network", SOON, || {
            rows = host.rows("--network b --port p1")?;
            Ok(values(&rows, ("port", "p1"))[2] == before + FRAMES)
        })
        .with_context(|| format!("{kind}: {rows:#?}"))?;
    }
    Ok(())
}
