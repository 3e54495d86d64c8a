//! What a switch must do, said once more, plainly and apart from netfwd's code: for random topologies
//! and frames, where nobody can write down by hand what arrives where.

use std::collections::BTreeMap;

use super::{Arrival, Layout, Network, NetworkOption, PEER, PortOption};
use crate::packet::Mac;

/// VID and the rest of a tag.
const VID: u16 = 0x0fff;

/// A frame to be sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The port that it goes in by.
    pub port: usize,
    /// Its tag control information, where it has a tag.
    pub tci: Option<u16>,
    /// The frame without its tag.
    pub frame: Vec<u8>,
}

impl Sent {
    /// The frame as it goes in.
    pub fn octets(&self) -> Vec<u8> {
        tagged(&self.frame, self.tci)
    }
}

/// A network and a VLAN of it: what frames never leave.
type Domain = (usize, u16);

/// A port in one domain.
#[derive(Clone, Copy, Debug)]
struct Member {
    /// The tag with which its frames leave; `None` for none.
    tag: Option<u16>,
    isolated: bool,
    learning: bool,
    unknown_unicast: bool,
}

/// A switch in thought.
#[derive(Clone, Debug)]
pub struct Model {
    members: BTreeMap<(usize, Domain), Member>,
    /// The domain of a port's frames without a tag, or with VID 0.
    untagged: BTreeMap<usize, Domain>,
    /// The domain of a port's frames with a tag.
    tagged: BTreeMap<(usize, u16), Domain>,
    /// Ports whose tags are payload.
    transparent: Vec<usize>,
    /// The network that spans hosts, where there is one, and its own VLAN.
    overlay: Option<Domain>,
    stations: BTreeMap<(Domain, Mac), usize>,
}

impl Model {
    /// A model that has heard nobody yet.
    pub fn new(layout: &Layout) -> Self {
        let mut model = Self {
            members: BTreeMap::new(),
            untagged: BTreeMap::new(),
            tagged: BTreeMap::new(),
            transparent: Vec::new(),
            overlay: None,
            stations: BTreeMap::new(),
        };
        for (number, network) in (0..).zip(&layout.networks) {
            model.add(number, network);
        }
        model
    }

    fn add(&mut self, number: usize, network: &Network) {
        let own = network.options.iter().find_map(|option| match option {
            NetworkOption::Vlan(vlan) => Some(*vlan),
            _ => None,
        });
        let mut options = network.ports.values().flatten();
        let aware = own.is_some()
            || options.any(|option| matches!(option, PortOption::Vlan(_) | PortOption::Trunk(_)));
        if network.options.contains(&NetworkOption::Overlay) {
            self.overlay = Some((number, own.unwrap_or(0)));
            self.transparent.extend((!aware).then_some(PEER));
        }
        for (port, options) in &network.ports {
            if aware {
                self.join(*port, number, options, own.unwrap_or(0));
            } else {
                self.transparent.push(*port);
                self.untagged.insert(*port, (number, 0));
                self.members
                    .insert((*port, (number, 0)), member(options, None));
            }
        }
    }

    /// A port of a network with VLANs.
    fn join(&mut self, port: usize, network: usize, options: &[PortOption], own: u16) {
        let vlan = options.iter().find_map(|option| match option {
            PortOption::Vlan(vlan) => Some(*vlan),
            _ => None,
        });
        let trunk = options.iter().find_map(|option| match option {
            PortOption::Trunk(vlans) => Some(vlans.clone()),
            _ => None,
        });
        let native = if trunk.is_some() {
            vlan
        } else {
            Some(vlan.unwrap_or(own))
        };
        for vlan in trunk.into_iter().flatten() {
            self.tagged.insert((port, vlan), (network, vlan));
            self.members
                .insert((port, (network, vlan)), member(options, Some(vlan)));
        }
        if let Some(vlan) = native {
            let tag = options.contains(&PortOption::TagNative).then_some(vlan);
            self.untagged.insert(port, (network, vlan));
            self.tagged.insert((port, vlan), (network, vlan));
            self.members
                .insert((port, (network, vlan)), member(options, tag));
        }
    }

    /// What arrives of a frame, and where.
    pub fn send(&mut self, sent: &Sent) -> Vec<Arrival> {
        let transparent = self.transparent.contains(&sent.port);
        let Some(domain) = self.domain(sent) else {
            return Vec::new();
        };
        let (dst, src) = (address(&sent.frame, 0), address(&sent.frame, 6));
        let peer = self.peer(domain).map(|peer| (PEER, peer));
        let Some(from) = self.member(sent.port, domain) else {
            return Vec::new();
        };
        if from.learning {
            self.stations.insert((domain, src), sent.port);
        }
        let known = self.stations.get(&(domain, dst)).copied();
        let group = dst[0] & 1 == 1;
        let members = self.members.iter().filter(|((_, of), _)| *of == domain);
        let members = members.map(|((port, _), member)| (*port, *member));
        let arrivals = members.chain(peer).filter_map(|(port, member)| {
            let wanted = match known {
                Some(known) => known == port,
                None => group || member.unknown_unicast,
            };
            let kept = port == sent.port || (from.isolated && member.isolated);
            (wanted && !kept).then(|| Arrival {
                port,
                frame: leaving(sent, member, transparent),
            })
        });
        arrivals.collect()
    }

    fn member(&self, port: usize, domain: Domain) -> Option<Member> {
        if port == PEER {
            return self.peer(domain);
        }
        self.members.get(&(port, domain)).copied()
    }

    /// The peer takes part in every VLAN of the network that spans hosts.
    fn peer(&self, domain: Domain) -> Option<Member> {
        let (network, own) = self.overlay?;
        let tag = (domain.1 != own).then_some(domain.1);
        (network == domain.0).then(|| member(&[], tag))
    }

    fn domain(&self, sent: &Sent) -> Option<Domain> {
        let vid = sent.tci.map_or(0, |tci| tci & VID);
        if sent.port == PEER {
            let (network, own) = self.overlay?;
            let untagged = vid == 0 || self.transparent.contains(&PEER);
            return Some((network, if untagged { own } else { vid }));
        }
        let domain = if vid == 0 || self.transparent.contains(&sent.port) {
            self.untagged.get(&sent.port)
        } else {
            self.tagged.get(&(sent.port, vid))
        };
        domain.copied()
    }
}

fn member(options: &[PortOption], tag: Option<u16>) -> Member {
    Member {
        tag,
        isolated: options.contains(&PortOption::Isolated),
        learning: !options.contains(&PortOption::NoLearning),
        unknown_unicast: !options.contains(&PortOption::NoUnknownUnicast),
    }
}

/// The frame as it leaves; a tag keeps the priority that the frame came with.
fn leaving(sent: &Sent, member: Member, transparent: bool) -> Vec<u8> {
    let priority = sent.tci.unwrap_or(0) & !VID;
    if transparent {
        sent.octets()
    } else {
        tagged(&sent.frame, member.tag.map(|vlan| vlan | priority))
    }
}

fn tagged(frame: &[u8], tci: Option<u16>) -> Vec<u8> {
    let Some(tci) = tci else {
        return frame.to_vec();
    };
    let tag = [0x8100u16.to_be_bytes(), tci.to_be_bytes()].concat();
    [&frame[..12], &tag, &frame[12..]].concat()
}

fn address(frame: &[u8], at: usize) -> Mac {
    frame[at..at + 6].try_into().expect("six octets")
}
