//! Whether a frame's lengths and checksums are right, at every layer.

use anyhow::{Context, Result, ensure};

use super::{ETH_LEN, ether_type, sum};

const VXLAN_PORT: u16 = 4789;

/// Checks an Ethernet frame: for IPv4 the header, what it carries, and the frame within VXLAN. What
/// is no IPv4 has nothing to check; padding behind the packet is allowed.
pub fn checksums(frame: &[u8]) -> Result<()> {
    ensure!(
        frame.len() >= ETH_LEN,
        "{} octets are no frame",
        frame.len()
    );
    if word(frame, 12)? != ether_type::IPV4 {
        return Ok(());
    }
    ipv4(&frame[ETH_LEN..])
}

fn ipv4(packet: &[u8]) -> Result<()> {
    let first = *packet.first().context("no IPv4 header")?;
    ensure!(first >> 4 == 4, "version {}", first >> 4);
    let header_len = usize::from(first & 0x0f) * 4;
    ensure!(header_len >= 20, "an IPv4 header of {header_len} octets");
    let header = packet
        .get(..header_len)
        .context("the IPv4 header is cut off")?;
    ensure!(
        sum(&[header]) == 0xffff,
        "the IPv4 header's checksum is wrong"
    );
    let total = usize::from(word(packet, 2)?);
    let payload = packet
        .get(header_len..total)
        .context("the packet is shorter than it says")?;
    let is_fragment = word(packet, 6)? & 0x3fff != 0;
    if is_fragment {
        return Ok(());
    }
    match header[9] {
        1 => ensure!(sum(&[payload]) == 0xffff, "the ICMP checksum is wrong"),
        6 => ensure!(
            pseudo(header, payload) == 0xffff,
            "the TCP checksum is wrong"
        ),
        17 => udp(header, payload)?,
        _ => {}
    }
    Ok(())
}

fn udp(header: &[u8], datagram: &[u8]) -> Result<()> {
    let len = usize::from(word(datagram, 4)?);
    ensure!(
        len == datagram.len(),
        "UDP says {len} octets and has {}",
        datagram.len()
    );
    let has_checksum = word(datagram, 6)? != 0;
    ensure!(
        !has_checksum || pseudo(header, datagram) == 0xffff,
        "the UDP checksum is wrong"
    );
    if word(datagram, 2)? != VXLAN_PORT {
        return Ok(());
    }
    let inner = datagram.get(16..).context("the VXLAN header is cut off")?;
    checksums(inner).context("inside VXLAN")
}

fn pseudo(header: &[u8], segment: &[u8]) -> u16 {
    let len = (segment.len() as u16).to_be_bytes();
    sum(&[&header[12..20], &[0, header[9]], &len, segment])
}

fn word(bytes: &[u8], at: usize) -> Result<u16> {
    let word = bytes.get(at..at + 2).context("the frame is cut off")?;
    Ok(u16::from_be_bytes([word[0], word[1]]))
}
