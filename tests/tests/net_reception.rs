//! Which VXLAN is taken, and which is not: headers written octet by octet, for a known station, which the
//! fast path decapsulates, and for everybody, which the companion does.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tests::{
    behaviour::interop::reaches,
    interop::{Checksum, Family, Forged, Make, Plan, Sites},
    packet::{BROADCAST, Ipv4, Mac, RawSocket, ether_type, ethernet},
    topology::Instance,
};

/// Time in which a frame that is taken has arrived.
const SOON: Duration = Duration::from_millis(300);
/// Where the TOS of an IPv4 packet is in its frame.
const TOS: usize = 15;

fn start(family: Family, line: &str) -> Result<Sites> {
    let plan = Plan::of(&[Make::Netfwd, Make::Bridge]);
    let sites = plan.over(family).line(line).start()?;
    // Each knows the other's station.
    reaches(&sites)?;
    Ok(sites)
}

/// An inner frame of the second site's station.
fn inner(sites: &Sites, dst: Mac, tos: u8, number: u8) -> Vec<u8> {
    let ip = Ipv4 {
        tos,
        ..Ipv4::new("10.0.3.12", "10.0.3.11")
    };
    let text = [b"a forged frame ".as_slice(), &[number, tos]].concat();
    ethernet(
        dst,
        sites.sites[1].mac,
        ether_type::IPV4,
        &ip.udp(9, 9, &text),
    )
}

/// What the first station receives of a frame to it, and of one to everybody: the TOS of each.
fn received(sites: &Sites, forged: Forged, tos: u8) -> Result<[Option<u8>; 2]> {
    let [to, via] = &sites.sites[..] else {
        anyhow::bail!("two sites")
    };
    let mut seen = [None; 2];
    for (number, dst) in [to.mac, BROADCAST].into_iter().enumerate() {
        let frame = inner(sites, dst, tos, number as u8);
        let socket = RawSocket::open(&to.station, to.interface)?;
        forged.send(via, to, &frame)?;
        // The TOS may change on the way, and the header's checksum with it.
        let is = |seen: &[u8]| {
            seen.len() >= frame.len()
                && seen[..TOS] == frame[..TOS]
                && seen[26..frame.len()] == frame[26..]
        };
        seen[number] = socket.next(SOON, is)?.map(|seen| seen[TOS]);
    }
    Ok(seen)
}

fn taken(sites: &Sites, forged: Forged) -> Result<()> {
    let seen = received(sites, forged, 0)?;
    ensure!(seen == [Some(0); 2], "{seen:?} of {forged:?}");
    Ok(())
}

fn refused(sites: &Sites, forged: Forged) -> Result<()> {
    let seen = received(sites, forged, 0)?;
    ensure!(seen == [None; 2], "{seen:?} of {forged:?}");
    Ok(())
}

/// Frames that an instance has dropped for a reason.
fn dropped(instance: &Instance, reason: &str) -> Result<u64> {
    let rows = instance.json("stats")?;
    // A network's are those of its ports and peers once more.
    let rows = rows
        .iter()
        .filter(|row| row["reason"] == reason && row["scope"] != "network");
    Ok(rows.filter_map(|row| row["value"].as_u64()).sum())
}

fn both(test: impl Fn(Family) -> Result<()>) -> Result<()> {
    for family in [Family::V4, Family::V6] {
        test(family).with_context(|| format!("over {family:?}"))?;
    }
    Ok(())
}

/// RFC 7348 §5, RFC 6935 §5: zero is taken, right is taken, wrong is not.
#[test]
fn udp_checksums() -> Result<()> {
    both(|family| {
        let sites = start(family, "")?;
        let with = |checksum| Forged {
            checksum,
            ..Forged::usual(family)
        };
        taken(&sites, with(Checksum::Zero))?;
        taken(&sites, with(Checksum::Right))?;
        refused(&sites, with(Checksum::Wrong))
    })
}

/// A VLAN of the underlay is another link, unless an interface stands for it (IEEE 802.1Q-2018 §6.9.1); VLAN
/// 0 is none.
#[test]
fn vlans_of_the_underlay() -> Result<()> {
    both(|family| {
        let sites = start(family, "")?;
        let with = |tci| Forged {
            tci: Some(tci),
            ..Forged::usual(family)
        };
        taken(&sites, with(5 << 13))?;
        refused(&sites, with(7))
    })
}

/// A header with one bit of each reserved field set.
fn reserved(family: Family) -> impl Iterator<Item = Forged> {
    [(0, 0x80), (0, 0x01), (1, 1), (2, 1), (3, 1), (7, 1)]
        .into_iter()
        .map(move |(octet, bit)| {
            let mut forged = Forged::usual(family);
            forged.vxlan[octet] |= bit;
            forged
        })
}

/// RFC 7348 §5: they are ignored on receipt, also where the kernel's own device would refuse them.
#[test]
fn reserved_bits() -> Result<()> {
    both(|family| {
        let sites = start(family, "")?;
        reserved(family).try_for_each(|forged| taken(&sites, forged))
    })
}

#[test]
fn reserved_bits_when_strict() -> Result<()> {
    both(|family| {
        let mut sites = start(family, "reserved_bits = \"strict\"")?;
        reserved(family).try_for_each(|forged| refused(&sites, forged))?;
        taken(&sites, Forged::usual(family))?;
        let counted = dropped(sites.sites[0].netfwd()?, "vxlan-reserved")?;
        ensure!(counted >= 12, "{counted} were counted");
        Ok(())
    })
}

#[test]
fn headers_of_nobody_here() -> Result<()> {
    both(|family| {
        let sites = start(family, "")?;
        let usual = Forged::usual(family);
        let mut unflagged = usual;
        unflagged.vxlan[0] = 0;
        refused(&sites, unflagged)?;
        let mut unknown = usual;
        unknown.vxlan[5] ^= 1;
        refused(&sites, unknown)?;
        refused(&sites, Forged { from: 77, ..usual })?;
        taken(&sites, usual)
    })
}

/// RFC 7348 §4.3: they may be discarded; the host's stack puts them together for the companion.
#[test]
fn outer_fragments() -> Result<()> {
    let sites = start(Family::V4, "")?;
    let [to, via] = &sites.sites[..] else {
        anyhow::bail!("two sites")
    };
    for (number, dst) in [(1, to.mac), (2, BROADCAST)] {
        let frame = inner(&sites, dst, 0, number);
        let socket = RawSocket::open(&to.station, to.interface)?;
        Forged::usual(Family::V4).send_in_fragments(via, to, &frame)?;
        let seen = socket.next(SOON, |seen| seen.starts_with(&frame))?;
        ensure!(seen.is_some(), "fragments for {dst:x?} are lost");
    }
    Ok(())
}

#[test]
fn unknown_sources_where_they_are_accepted() -> Result<()> {
    both(|family| {
        let sites = start(family, "unknown_sources = \"accept\"")?;
        let stranger = Forged {
            from: 77,
            ..Forged::usual(family)
        };
        taken(&sites, stranger)
    })
}

/// RFC 6040 §4.2, figure 4: rows are the inner field's, columns the outer's, each 00, 10, 01, 11.
#[test]
fn ecn() -> Result<()> {
    const FIELDS: [u8; 4] = [0b00, 0b10, 0b01, 0b11];
    const FIGURE: [[Option<u8>; 4]; 4] = [
        [Some(0b00), Some(0b00), Some(0b00), None],
        [Some(0b10), Some(0b10), Some(0b01), Some(0b11)],
        [Some(0b01), Some(0b01), Some(0b01), Some(0b11)],
        [Some(0b11), Some(0b11), Some(0b11), Some(0b11)],
    ];
    both(|family| {
        let mut sites = start(family, "")?;
        for (inner, row) in FIELDS.into_iter().zip(FIGURE) {
            for (outer, expected) in FIELDS.into_iter().zip(row) {
                let forged = Forged {
                    tos: outer,
                    ..Forged::usual(family)
                };
                let seen = received(&sites, forged, inner)?;
                ensure!(
                    seen == [expected; 2],
                    "inner {inner:02b}, outer {outer:02b}: {seen:?}"
                );
            }
        }
        let counted = dropped(sites.sites[0].netfwd()?, "ecn")?;
        ensure!(counted == 2, "{counted} were counted");
        Ok(())
    })
}
