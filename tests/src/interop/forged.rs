//! VXLAN written octet by octet, sent from one site's end of the underlay to another's VTEP.

use anyhow::{Context as _, Result, ensure};

use super::{Family, Site};
use crate::{
    packet::{Ipv4, Ipv6, Mac, RawSocket, ether_type, ethernet, mac, tagged},
    topology::{UNDERLAY, VNI},
};

/// What is done about the outer UDP checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Zero.
    Zero,
    /// What RFC 768 says.
    Right,
    /// Something else.
    Wrong,
}

/// The outer headers of a forged frame.
#[derive(Clone, Copy, Debug)]
pub struct Forged {
    /// The underlay's family.
    pub family: Family,
    /// Number of the site whose VTEP is the source; one that there is none of is a stranger's.
    pub from: u8,
    /// TOS or traffic class.
    pub tos: u8,
    /// The UDP checksum.
    pub checksum: Checksum,
    /// The VXLAN header.
    pub vxlan: [u8; 8],
    /// Tag control information of an 802.1Q tag in front of it all.
    pub tci: Option<u16>,
}

impl Forged {
    /// From the second site, as RFC 7348 has it.
    pub fn usual(family: Family) -> Self {
        let [_, a, b, c] = VNI.to_be_bytes();
        Self {
            family,
            from: 2,
            tos: 0,
            checksum: Checksum::Zero,
            vxlan: [0x08, 0, 0, 0, a, b, c, 0],
            tci: None,
        }
    }

    /// Sends an inner frame so, out of one site's underlay to another's.
    pub fn send(&self, via: &Site, to: &Site, inner: &[u8]) -> Result<()> {
        let packet = self.packet(to.number, inner)?;
        let ether_type = match self.family {
            Family::V4 => ether_type::IPV4,
            Family::V6 => ether_type::IPV6,
        };
        let frame = ethernet(uplink(to)?, uplink(via)?, ether_type, &packet);
        let frame = match self.tci {
            Some(tci) => tagged(&frame, ether_type::C_TAG, tci),
            None => frame,
        };
        RawSocket::open(&via.host, UNDERLAY)?.send(&frame)
    }

    /// Sends it over IPv4 in two fragments, as a router on the way may make of it.
    pub fn send_in_fragments(&self, via: &Site, to: &Site, inner: &[u8]) -> Result<()> {
        const FIRST: usize = 64;
        const UDP: u8 = 17;
        let whole = self.packet(to.number, inner)?;
        let (first, second) = whole[20..].split_at(FIRST);
        let [src, dst] = [self.from, to.number].map(|number| self.family.vtep(number).to_string());
        let parts = [(Ipv4::MORE_FRAGMENTS, first), ((FIRST / 8) as u16, second)];
        for (fragment, part) in parts {
            let ip = Ipv4 {
                id: 77,
                fragment,
                ..Ipv4::new(&src, &dst)
            };
            let packet = ip.packet(UDP, part);
            let frame = ethernet(uplink(to)?, uplink(via)?, ether_type::IPV4, &packet);
            RawSocket::open(&via.host, UNDERLAY)?.send(&frame)?;
        }
        Ok(())
    }

    fn packet(&self, to: u8, inner: &[u8]) -> Result<Vec<u8>> {
        let payload = [&self.vxlan[..], inner].concat();
        let [src, dst] = [self.from, to].map(|number| self.family.vtep(number).to_string());
        let (mut packet, udp) = match self.family {
            Family::V4 => {
                let ip = Ipv4 {
                    tos: self.tos,
                    ..Ipv4::new(&src, &dst)
                };
                (ip.udp(50_000, 4789, &payload), 20)
            }
            Family::V6 => {
                let mut packet = Ipv6::new(&src, &dst).udp(50_000, 4789, &payload);
                packet[0] |= self.tos >> 4;
                packet[1] |= self.tos << 4;
                (packet, 40)
            }
        };
        let check = packet.get_mut(udp + 6..udp + 8).context("a UDP header")?;
        ensure!(check != [0, 0], "a checksum that is zero by chance");
        match self.checksum {
            Checksum::Right => {}
            Checksum::Zero => check.fill(0),
            Checksum::Wrong => check[1] ^= 1,
        }
        Ok(packet)
    }
}

/// The MAC of a site's end of the underlay.
fn uplink(site: &Site) -> Result<Mac> {
    let output = site.host.run(&format!("ip -j link show {UNDERLAY}"))?;
    let links: Vec<serde_json::Value> = serde_json::from_str(&output.stdout)?;
    let address = links[0]["address"].as_str().context("a MAC address")?;
    Ok(mac(address))
}
