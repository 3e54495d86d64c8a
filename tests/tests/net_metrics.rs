//! The metrics listener: what a scrape says, held against `stats`, and what becomes of the listener on reloads.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    netns::Namespace,
    openmetrics::Scrape,
    packet::{RawSocket, ether_type, ethernet, tagged},
    process::{TIMEOUT, eventually},
    topology::{Instance, OUTSIDE, Options, Stack, TwoHosts},
    traffic::{Ping, WhoAmI, ask_tcp, ask_udp, ping},
};

const HERE: &str = "127.0.0.1:9477";
const THERE: &str = "127.0.0.1:9478";
/// The first one's port on another address.
const ELSEWHERE: &str = "127.0.0.2:9477";
/// A group's MAC is no source.
const BAD_SOURCE: [u8; 6] = [3, 0, 0, 0, 0, 1];

/// An answer: its status line, headers and body.
#[derive(Debug)]
struct Answer {
    head: String,
    body: String,
}

fn request(ns: &Namespace, at: &str, line: &str) -> Result<Answer> {
    let at: SocketAddr = at.parse()?;
    let mut stream = ns.within(|| TcpStream::connect_timeout(&at, TIMEOUT))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(format!("{line} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").context("an answer")?;
    Ok(Answer {
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

fn scrape(ns: &Namespace, at: &str) -> Result<Scrape> {
    // Scrapes within half a second get the same figures.
    std::thread::sleep(Duration::from_millis(600));
    let answer = request(ns, at, "GET /metrics")?;
    ensure!(answer.head.starts_with("HTTP/1.1 200 "), "{answer:?}");
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ensure!(answer.head.contains(format), "{}", answer.head);
    Scrape::parse(&answer.body)
}

fn is_silent(ns: &Namespace, at: &str) -> bool {
    let at: SocketAddr = at.parse().expect("an address");
    ns.within(|| TcpStream::connect_timeout(&at, TIMEOUT))
        .is_err()
}

fn metrics(at: &str) -> String {
    format!("[metrics]\nlisten = \"{at}\"\n")
}

/// A host with one network and a port, and the lines of `[metrics]`.
fn lone(lines: &str) -> Result<(Namespace, Instance)> {
    let ns = Namespace::new("hs")?;
    ns.ip("link add p1 type veth peer name e1\nlink set p1 up\nlink set e1 up")?;
    let mut instance = Instance::new(&ns, &of_lone(lines))?;
    instance.start()?;
    Ok((ns, instance))
}

fn of_lone(lines: &str) -> String {
    format!("{lines}[[network]]\nname = \"blue\"\n[[network.port]]\ninterface = \"p1\"\n")
}

/// Two hosts whose first has carried some traffic of each kind.
fn used() -> Result<TwoHosts> {
    let hosts = Options::both(Stack::Netfwd).host(&metrics(HERE)).start()?;
    let server = WhoAmI::start(&hosts.outside, OUTSIDE, 7000)?;
    let _published = WhoAmI::start(&hosts.c1.ns, hosts.c1.address, 80)?;
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(3))?.complete()?;
    ask_udp(&hosts.c2.ns, server.address)?;
    ask_tcp(&hosts.outside, (hosts.a.address, 8080))?;
    let frame = ethernet(hosts.c1.mac, BAD_SOURCE, 0x88b5, &[0; 46]);
    let socket = RawSocket::open(&hosts.c2.ns, "eth0")?;
    (0..5).try_for_each(|_| socket.send(&frame))?;
    Ok(hosts)
}

#[test]
fn a_scrape_says_what_stats_says() -> Result<()> {
    let mut hosts = used()?;
    let ns = hosts.a.ns.clone();
    let instance = hosts.a.netfwd()?;
    eventually("the same figures", TIMEOUT, || {
        let before = instance.json("stats")?;
        let scrape = scrape(&ns, HERE)?;
        Ok(before == instance.json("stats")? && same(&scrape, &before).is_ok())
    })?;
    let (scrape, rows) = (scrape(&ns, HERE)?, instance.json("stats")?);
    scrape.no_addresses()?;
    let port = [
        ("network", "blue"),
        ("port", "veth-c2"),
        ("reason", "source-mac"),
    ];
    ensure!(scrape.count("netfwd_drops", &port) == 5, "{scrape:?}");
    let of_peers = [("port", "peers"), ("direction", "rx")];
    ensure!(scrape.count("netfwd_packets", &of_peers) > 0, "{rows:#?}");
    ensure!(scrape.count("netfwd_peers", &[("network", "blue"), ("state", "up")]) == 1);
    ensure!(scrape.count("netfwd_flood_targets", &[("network", "blue")]) == 4);
    ensure!(scrape.count("netfwd_build_info", &[("version", "0.1.0")]) == 1);
    ensure!(scrape.count("netfwd_config_last_reload_successful", &[]) == 1);
    Ok(())
}

/// Whether a scrape has the figures of `stats`.
fn same(scrape: &Scrape, rows: &[Value]) -> Result<()> {
    for row in rows.iter().filter(|row| row["scope"] == "network") {
        let network = row["name"].as_str().context("a name")?;
        let (family, more) = match row["counter"].as_str().context("a counter")? {
            "rx_packets" => ("netfwd_packets", ("direction", "rx")),
            "tx_packets" => ("netfwd_packets", ("direction", "tx")),
            "rx_bytes" => ("netfwd_bytes", ("direction", "rx")),
            "tx_bytes" => ("netfwd_bytes", ("direction", "tx")),
            "learned" => ("netfwd_fdb_learned", ("network", network)),
            "learn_refused" => ("netfwd_learn_refused", ("network", network)),
            _ => (
                "netfwd_drops",
                ("reason", row["reason"].as_str().context("a reason")?),
            ),
        };
        let sum = scrape.count(family, &[("network", network), more]);
        ensure!(
            Some(sum) == row["value"].as_u64(),
            "{family}: {sum}, but {row}"
        );
    }
    Ok(())
}

#[test]
fn a_trunk_is_a_port_of_each_of_its_networks() -> Result<()> {
    let (ns, instance) = lone(&metrics(HERE))?;
    let tenant = |name: &str, vlan: u16| {
        format!(
            "[[network]]\nname = \"{name}\"\n[[network.port]]\ninterface = \"p1\"\ntrunk = [{vlan}]\n"
        )
    };
    let tenants = tenant("a", 10) + &tenant("b", 20);
    instance.write(&(metrics(HERE) + &tenants))?;
    instance.cli("reload")?;
    let socket = RawSocket::open(&ns, "e1")?;
    let sent = [("a", 10, 3), ("b", 20, 5)];
    for (_, vlan, frames) in sent {
        let frame = ethernet([0xff; 6], [2, 0, 0, 0, 0, 1], 0x88b5, &[0; 46]);
        let frame = tagged(&frame, ether_type::C_TAG, vlan);
        (0..frames).try_for_each(|_| socket.send(&frame))?;
    }
    // Nobody else is there to get them.
    for (network, _, frames) in sent {
        let of = [("network", network), ("port", "p1")];
        let dropped = [&of[..], &[("reason", "no-target")]].concat();
        eventually("its frames are counted for it", TIMEOUT, || {
            Ok(scrape(&ns, HERE)?.count("netfwd_drops", &dropped) == frames)
        })?;
    }
    let of_b = [("network", "b"), ("port", "p1"), ("direction", "rx")];
    let scrape = scrape(&ns, HERE)?;
    ensure!(scrape.count("netfwd_packets", &of_b) == 5, "{scrape:?}");
    ensure!(scrape.count("netfwd_bytes", &of_b) == 300, "{scrape:?}");
    Ok(())
}

#[test]
fn a_scrape_counts_sessions_and_fdb_entries() -> Result<()> {
    let mut hosts = used()?;
    let ns = hosts.a.ns.clone();
    let instance = hosts.a.netfwd()?;
    // Sessions are counted while they age, every five seconds.
    let mut last = Scrape::default();
    eventually("the sessions are counted", TIMEOUT, || {
        last = scrape(&ns, HERE)?;
        Ok(last.count("netfwd_sessions", &[]) >= 2)
    })
    .with_context(|| format!("{last:?}"))?;
    for kind in ["masquerade", "publish"] {
        let shown = instance.json(&format!("session show --kind {kind}"))?.len();
        ensure!(
            last.count("netfwd_sessions", &[("kind", kind)]) == shown as u64,
            "{kind}: {last:?}"
        );
    }
    ensure!(
        last.sum("netfwd_nat_ports_used_ratio", &[]) > 0.0,
        "{last:?}"
    );
    ensure!(
        last.sum("netfwd_nat_ports_used", &[("proto", "udp")]) >= 1.0,
        "{last:?}"
    );
    ensure!(last.sum("netfwd_sessions_max", &[]) > 2.0, "{last:?}");
    eventually("the FDB entries are counted", TIMEOUT, || {
        let shown = instance.json("fdb show --network blue")?.len();
        let counted = scrape(&ns, HERE)?.count("netfwd_fdb_entries", &[("network", "blue")]);
        Ok(counted == shown as u64)
    })
}

#[test]
fn counters_outlive_the_daemon() -> Result<()> {
    let mut hosts = used()?;
    let ns = hosts.a.ns.clone();
    let of_c2 = [("port", "veth-c2"), ("direction", "rx")];
    let before = scrape(&ns, HERE)?.sum("netfwd_packets", &of_c2);
    let instance = hosts.a.netfwd()?;
    instance.kill()?;
    ensure!(is_silent(&ns, HERE));
    instance.start()?;
    let after = scrape(&ns, HERE)?.sum("netfwd_packets", &of_c2);
    ensure!(before >= 5.0 && after >= before, "{before}, then {after}");
    Ok(())
}

#[test]
fn other_paths_and_methods_are_told_so() -> Result<()> {
    let (ns, _instance) = lone(&metrics(HERE))?;
    let wrong = request(&ns, HERE, "GET /")?;
    ensure!(wrong.head.starts_with("HTTP/1.1 404 "), "{wrong:?}");
    ensure!(wrong.body.contains("/metrics"), "{wrong:?}");
    let wrong = request(&ns, HERE, "DELETE /metrics")?;
    ensure!(wrong.head.starts_with("HTTP/1.1 405 "), "{wrong:?}");
    ensure!(
        wrong.head.to_lowercase().contains("allow: get, head"),
        "{wrong:?}"
    );
    let head = request(&ns, HERE, "HEAD /metrics")?;
    ensure!(
        head.head.starts_with("HTTP/1.1 200 ") && head.body.is_empty(),
        "{head:?}"
    );
    Ok(())
}

#[test]
fn silent_clients_do_not_keep_others_out() -> Result<()> {
    let (ns, instance) = lone(&metrics(HERE))?;
    let at: SocketAddr = HERE.parse()?;
    let silent: Vec<TcpStream> = ns.within(|| {
        let streams = (0..40).map(|_| TcpStream::connect_timeout(&at, TIMEOUT));
        streams.collect::<Result<_, _>>()
    })?;
    instance.cli("network show")?;
    scrape(&ns, HERE)?;
    drop(silent);
    Ok(())
}

#[test]
fn a_reload_adds_moves_and_removes_the_listener() -> Result<()> {
    let (ns, mut instance) = lone("")?;
    ensure!(is_silent(&ns, HERE));
    instance.write(&of_lone(&metrics(HERE)))?;
    instance.cli("reload")?;
    let before = scrape(&ns, HERE)?;
    instance.write(&of_lone(&metrics(THERE)))?;
    instance.cli("reload")?;
    scrape(&ns, THERE)?;
    ensure!(is_silent(&ns, HERE), "the old one still listens");
    instance.write(&of_lone(""))?;
    instance.cli("reload")?;
    ensure!(is_silent(&ns, THERE), "it still listens");
    let started = before.sum("netfwd_start_time_seconds", &[]);
    let applied = before.sum("netfwd_config_applied_timestamp_seconds", &[]);
    ensure!(started > 1.0e9 && applied > started, "{started}, {applied}");
    instance.stop()?;
    Ok(())
}

#[test]
fn an_occupied_address_is_refused_and_nothing_changes() -> Result<()> {
    let (ns, mut instance) = lone(&metrics(HERE))?;
    let _other = ns.within(|| TcpListener::bind(THERE))?;
    let text = of_lone(&metrics(THERE)).replace("\"blue\"", "\"red\"");
    instance.write(&text)?;
    let refused = instance.attempt("reload")?;
    let refused = refused.sentence(1)?;
    for part in [THERE, "in use", ":2:", "choose"] {
        ensure!(refused.contains(part), "no {part}: {refused}");
    }
    let scraped = scrape(&ns, HERE)?;
    ensure!(scraped.count("netfwd_config_last_reload_successful", &[]) == 0);
    let networks = instance.json("network show")?;
    ensure!(
        networks.len() == 1 && networks[0]["name"] == "blue",
        "{networks:?}"
    );
    instance.stop()?;
    ensure!(instance.start().is_err(), "it started without its listener");
    Ok(())
}

#[test]
fn a_reload_moves_the_listener_to_the_wildcard_and_back() -> Result<()> {
    let (ns, instance) = lone(&metrics(HERE))?;
    for (at, anywhere) in [
        ("0.0.0.0:9477", true),
        ("[::]:9477", true),
        ("0.0.0.0:9477", true),
        (HERE, false),
    ] {
        instance.write(&of_lone(&metrics(at)))?;
        instance.cli("reload").context(at)?;
        scrape(&ns, HERE)?;
        ensure!(is_silent(&ns, ELSEWHERE) != anywhere, "with {at}");
    }
    Ok(())
}

#[test]
fn a_reload_that_fails_leaves_the_listener_on_its_port() -> Result<()> {
    let (ns, instance) = lone(&metrics(HERE))?;
    let wildcard = of_lone(&metrics("0.0.0.0:9477"));
    let other = ns.within(|| TcpListener::bind(ELSEWHERE))?;
    instance.write(&wildcard)?;
    instance.attempt("reload")?.sentence(1)?;
    scrape(&ns, HERE)?;
    drop(other);
    let there = Namespace::new("c")?;
    let taken = there.name();
    instance.write(&format!(
        "{wildcard}[[network.port]]\nnetns = \"{taken}\"\nname = \"lo\"\n"
    ))?;
    let refused = instance.attempt("reload")?;
    ensure!(refused.sentence(1)?.contains(taken), "{refused}");
    scrape(&ns, HERE)?;
    ensure!(is_silent(&ns, ELSEWHERE), "the other one serves");
    let again = ns.within(|| TcpListener::bind(HERE));
    ensure!(again.is_err(), "the port is anybody's");
    instance.write(&wildcard)?;
    instance.cli("reload")?;
    scrape(&ns, ELSEWHERE)?;
    Ok(())
}
