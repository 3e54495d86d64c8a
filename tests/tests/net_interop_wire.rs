//! What is on the underlay, as tshark decodes it: each field of the outer headers as configured, for
//! IP inside, which programs encapsulate, and for ARP, which the companion does.

use anyhow::{Context as _, Result, ensure};
use tests::{
    capture::Capture,
    interop::{Family, Make, Plan, Sites},
    topology::{UNDERLAY, VNI, offload},
    traffic::{Ping, ping},
};

/// Columns in the order of [`Frame`]'s fields.
const COLUMNS: &[&str] = &[
    "ip.ttl",
    "ip.dsfield",
    "ip.flags.df",
    "ipv6.hlim",
    "ipv6.tclass",
    "udp.srcport",
    "udp.dstport",
    "udp.checksum",
    "udp.checksum.status",
    "vxlan.flags",
    "vxlan.vni",
    "icmp.type",
    "arp.opcode",
];

/// The outer headers of a frame.
#[derive(Debug)]
struct Frame {
    ttl: u8,
    tos: u8,
    dont_fragment: Option<bool>,
    ports: [u16; 2],
    checksum: u16,
    checksum_is_good: bool,
    flags: u16,
    vni: u32,
    is_arp: bool,
}

/// A number as tshark writes it, with or without 0x; of several the first, which is the outermost.
fn number(field: &str) -> Result<u32> {
    let first = field.split(',').next().unwrap_or(field);
    let parsed = match first.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => first.parse(),
    };
    parsed.with_context(|| format!("`{field}` is no number"))
}

impl Frame {
    fn read(row: &[String], family: Family) -> Result<Self> {
        let at = |column: &str| {
            let index = COLUMNS.iter().position(|name| *name == column);
            &row[index.expect("a column that is asked for")]
        };
        let (ttl, tos) = match family {
            Family::V4 => ("ip.ttl", "ip.dsfield"),
            Family::V6 => ("ipv6.hlim", "ipv6.tclass"),
        };
        let first = at("ip.flags.df").split(',').next();
        Ok(Self {
            ttl: number(at(ttl))?.try_into()?,
            tos: number(at(tos))?.try_into()?,
            dont_fragment: (family == Family::V4).then_some(matches!(first, Some("1" | "True"))),
            ports: [
                number(at("udp.srcport"))?.try_into()?,
                number(at("udp.dstport"))?.try_into()?,
            ],
            checksum: number(at("udp.checksum"))?.try_into()?,
            checksum_is_good: number(at("udp.checksum.status"))? == 1,
            flags: number(at("vxlan.flags"))?.try_into()?,
            vni: number(at("vxlan.vni"))?,
            is_arp: !at("arp.opcode").is_empty(),
        })
    }
}

fn start(plan: Plan) -> Result<Sites> {
    let sites = plan.start()?;
    let [netfwd, kernel] = &sites.sites[..] else {
        anyhow::bail!("two sites")
    };
    // A veth would hand on checksums that are yet to be filled in.
    offload(&netfwd.host, UNDERLAY, "tx off")?;
    ping(&netfwd.station, kernel.address, Ping::count(2))?.complete()?;
    Ok(sites)
}

fn pair() -> Plan {
    Plan::of(&[Make::Netfwd, Make::Bridge])
}

/// What netfwd sends of echoes with these options of ping and of a broadcast question for an address.
fn frames(sites: &Sites, family: Family, options: &str) -> Result<Vec<Frame>> {
    let [netfwd, kernel] = &sites.sites[..] else {
        anyhow::bail!("two sites")
    };
    let from = format!("udp and src host {}", family.vtep(1));
    let capture = Capture::start(&kernel.host, UNDERLAY, &from)?;
    netfwd.station.run("ip neigh flush dev eth0")?;
    let line = format!("ping -n -c 3 -i 0.02 -W 2 {options} {}", kernel.address);
    netfwd.station.run(&line)?;
    let checked = [
        "-o",
        "udp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
    ];
    let rows = capture.fields_with(&checked, COLUMNS)?;
    // What stations say of their own accord, neighbour discovery and MLD, is none of them.
    let asked = |row: &&Vec<String>| row[11..].iter().any(|field| !field.is_empty());
    let frames = rows
        .iter()
        .filter(asked)
        .map(|row| Frame::read(row, family));
    let frames = frames.collect::<Result<Vec<_>>>()?;
    let questions = frames.iter().filter(|frame| frame.is_arp).count();
    ensure!(questions > 0 && frames.len() >= questions + 3, "{frames:?}");
    Ok(frames)
}

/// That something holds of every frame.
fn all(frames: &[Frame], what: &str, holds: impl Fn(&Frame) -> bool) -> Result<()> {
    let other = frames.iter().find(|frame| !holds(frame));
    ensure!(other.is_none(), "not so: {what}: {other:?}");
    Ok(())
}

/// UDP and VXLAN headers by default, the same over both families.
fn udp_and_vxlan(frames: &[Frame]) -> Result<()> {
    all(frames, "port 4789", |frame| frame.ports[1] == 4789)?;
    all(frames, "a dynamic source port", |frame| {
        frame.ports[0] >= 49_152
    })?;
    all(frames, "no checksum", |frame| frame.checksum == 0)?;
    all(frames, "the I flag alone", |frame| frame.flags == 0x0800)?;
    all(frames, "the VNI", |frame| frame.vni == VNI)
}

#[test]
fn defaults_over_ipv4() -> Result<()> {
    let sites = start(pair())?;
    let frames = frames(&sites, Family::V4, "")?;
    all(&frames, "TTL 64", |frame| frame.ttl == 64)?;
    all(&frames, "TOS 0", |frame| frame.tos == 0)?;
    all(&frames, "DF", |frame| frame.dont_fragment == Some(true))?;
    udp_and_vxlan(&frames)
}

#[test]
fn defaults_over_ipv6() -> Result<()> {
    let sites = start(pair().over(Family::V6))?;
    let frames = frames(&sites, Family::V6, "")?;
    all(&frames, "hop limit 64", |frame| frame.ttl == 64)?;
    all(&frames, "traffic class 0", |frame| frame.tos == 0)?;
    udp_and_vxlan(&frames)
}

#[test]
fn as_configured() -> Result<()> {
    for family in [Family::V4, Family::V6] {
        let plan = pair().with_checksums().line("ttl = 17\ntos = 96");
        let plan = plan.line("df = \"unset\"\nsource_ports = [50000, 50007]");
        let sites = start(plan.over(family))?;
        let frames = frames(&sites, family, "")?;
        all(&frames, "TTL 17", |frame| frame.ttl == 17)?;
        all(&frames, "TOS 96", |frame| frame.tos == 96)?;
        all(&frames, "no DF", |frame| frame.dont_fragment != Some(true))?;
        all(&frames, "a source port of eight", |frame| {
            (50_000..=50_007).contains(&frame.ports[0])
        })?;
        all(&frames, "a good checksum", |frame| {
            frame.checksum != 0 && frame.checksum_is_good
        })?;
    }
    Ok(())
}

/// DSCP of the inner header, and its ECN, which goes with any configuration (RFC 6040 §4.1).
#[test]
fn tos_of_the_inner_header() -> Result<()> {
    for family in [Family::V4, Family::V6] {
        let sites = start(pair().over(family))?;
        let frames = frames(&sites, family, "-Q 0x2a")?;
        all(&frames, "TOS of the inner header", |frame| {
            frame.is_arp || frame.tos == 0x2a
        })?;
        all(&frames, "none of ARP's", |frame| {
            !frame.is_arp || frame.tos == 0
        })?;
    }
    Ok(())
}

#[test]
fn ecn_with_a_fixed_tos() -> Result<()> {
    for family in [Family::V4, Family::V6] {
        let sites = start(pair().over(family).line("tos = 96"))?;
        let frames = frames(&sites, family, "-Q 0x29")?;
        all(&frames, "a fixed DSCP, the inner ECN", |frame| {
            frame.tos == if frame.is_arp { 0x60 } else { 0x61 }
        })?;
    }
    Ok(())
}

#[test]
fn df_of_the_inner_header() -> Result<()> {
    let sites = start(pair().line("df = \"inherit\""))?;
    for (option, expected) in [("-M do", true), ("-M dont", false)] {
        let frames = frames(&sites, Family::V4, option)?;
        all(&frames, option, |frame| {
            frame.is_arp || frame.dont_fragment == Some(expected)
        })?;
    }
    Ok(())
}
