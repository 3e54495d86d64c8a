//! Outside addresses are announced whenever their neighbours may know another MAC for them.

use std::{thread::sleep, time::Duration};

use anyhow::{Result, ensure};
use tests::{
    capture::Capture,
    process::{TIMEOUT, eventually},
    site::{Plan, Site, UPLINK},
};

const TABLES: &str = "\
  [[network.floating]]
  external = \"192.168.99.20\"
  internal = \"10.0.3.11\"

  [[network.floating]]
  external = \"fd00:99::20\"
  internal = \"fd00:3::11\"
";
/// As long as three announcements take, and a fourth would.
const A_WHILE: Duration = Duration::from_secs(5);

/// The announcements of both addresses that came in, each by the MAC that it names.
fn announcements(capture: Capture) -> Result<[Vec<String>; 2]> {
    let fields = [
        "arp.src.proto_ipv4",
        "arp.dst.proto_ipv4",
        "arp.src.hw_mac",
        "icmpv6.nd.na.target_address",
        "ipv6.dst",
        "icmpv6.opt.linkaddr",
    ];
    let rows = capture.fields(&fields)?;
    let of = |at: usize, want: [&str; 2]| {
        let rows = rows.iter().filter(|row| row[at..at + 2] == want);
        rows.map(|row| row[at + 2].clone()).collect::<Vec<_>>()
    };
    Ok([
        of(0, ["192.168.99.20"; 2]),
        of(3, ["fd00:99::20", "ff02::1"]),
    ])
}

/// What is announced behind a change on the host's uplink.
fn after(site: &Site, lines: &str) -> Result<[Vec<String>; 2]> {
    let capture = Capture::start(&site.outside, "eth0", "arp or icmp6")?;
    site.host.ip(lines)?;
    sleep(A_WHILE);
    announcements(capture)
}

#[test]
fn a_new_mac_and_a_link_that_is_back_are_announced_three_times() -> Result<()> {
    let site = Plan::netfwd_alone().table(TABLES).start()?;
    eventually("silence", TIMEOUT, || {
        let [arp, nd] = after(&site, "")?;
        Ok(arp.is_empty() && nd.is_empty())
    })?;
    let mac = "02:00:00:00:99:09";
    let said = after(&site, &format!("link set {UPLINK} address {mac}"))?;
    ensure!(said.iter().all(|said| said == &[mac; 3]), "{said:?}");
    let down = format!("link set {UPLINK} down");
    ensure!(after(&site, &down)?.iter().all(Vec::is_empty));
    let said = after(&site, &format!("link set {UPLINK} up"))?;
    ensure!(
        said.iter().all(|said| said == &[mac; 3]),
        "when it is up: {said:?}"
    );
    Ok(())
}
