//! `[vxlan]`.

use std::time::Duration;

use super::reader::{Keys, Section, Value};
use super::sections::{between, choice, ports};
use super::{ConfigError, Df, Probe, Tos, Vxlan};

/// Probes without an answer that mark a peer down, where the configuration does not say.
const FAILURES: u32 = 3;

/// `[vxlan]`.
pub(super) fn vxlan(section: &Section<'_>) -> Result<Vxlan, ConfigError> {
    section.only(&Keys {
        accepted: &[
            "port",
            "source_ports",
            "ttl",
            "tos",
            "udp_checksum",
            "unknown_sources",
            "df",
            "reserved_bits",
            "mss_clamp",
            "probe_interval",
            "probe_failures",
        ],
        later: &[],
    })?;
    let default = Vxlan::default();
    Ok(Vxlan {
        port: section.or("port", default.port, |v| Ok(v.integer(1, 65535)? as u16))?,
        source_ports: section.or("source_ports", default.source_ports, ports)?,
        ttl: section.or("ttl", default.ttl, |v| Ok(v.integer(1, 255)? as u8))?,
        tos: section.or("tos", default.tos, tos)?,
        udp_checksum: section.or("udp_checksum", false, Value::bool)?,
        accept_unknown: section.or("unknown_sources", false, unknown_sources)?,
        df: section.or("df", default.df, df)?,
        strict: section.or("reserved_bits", false, |value| {
            choice(value, "strict", "ignore")
        })?,
        mss_clamp: section.or("mss_clamp", default.mss_clamp, Value::bool)?,
        probe: probe(section)?,
    })
}

/// `accept` or `drop`.
pub(super) fn unknown_sources(value: &Value<'_>) -> Result<bool, ConfigError> {
    choice(value, "accept", "drop")
}

fn tos(value: &Value<'_>) -> Result<Tos, ConfigError> {
    match value.as_integer() {
        Some(number @ 0..=255) => Ok(Tos::Fixed(number as u8)),
        _ => value.parse("\"inherit\" or a number from 0 to 255", |text| {
            (text == "inherit").then_some(Tos::Inherit)
        }),
    }
}

fn df(value: &Value<'_>) -> Result<Df, ConfigError> {
    value.parse("\"set\", \"unset\" or \"inherit\"", |text| {
        Some(match text {
            "set" => Df::Set,
            "unset" => Df::Unset,
            "inherit" => Df::Inherit,
            _ => return None,
        })
    })
}

fn probe(section: &Section<'_>) -> Result<Option<Probe>, ConfigError> {
    let failures = section.maybe("probe_failures", |value| value.integer(1, 100))?;
    let interval: Option<Duration> =
        section.maybe("probe_interval", |value| between(value, 1..=3600))?;
    match (interval, failures) {
        (None, Some(_)) => {
            let message = "`probe_failures` counts probes, and there are none; give a `probe_interval`, or leave it out";
            Err(section.need("probe_failures")?.error(message))
        }
        (interval, failures) => Ok(interval.map(|interval| Probe {
            interval,
            failures: failures.unwrap_or(FAILURES),
        })),
    }
}
