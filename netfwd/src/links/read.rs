//! Reading interfaces, their addresses and their neighbours.

use std::collections::HashMap;

use futures::TryStreamExt;
use ipnet::IpNet;
use netlink_packet_route::{
    address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope},
    link::{
        InfoData, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
        LinkXdp, XdpAttached,
    },
};

use super::{Address, Link, LinkError, Links, ORIGIN, Tried, Vxlan, Xdp, tap};

impl Links {
    /// Every interface of the namespace with its addresses, in the order of their numbers.
    pub async fn list(&self) -> Result<Vec<Link>, LinkError> {
        let messages: Vec<LinkMessage> = self
            .handle
            .link()
            .get()
            .execute()
            .try_collect()
            .await
            .tried(|| "list the interfaces".into())?;
        let mut addresses = self.addresses().await?;
        let mut links: Vec<Link> = messages.into_iter().map(link).collect();
        for link in &mut links {
            link.addresses = addresses.remove(&link.index).unwrap_or_default();
            let groups = link.addresses.iter_mut();
            for group in groups.filter(|a| a.net.addr().is_multicast()) {
                group.usable &= self.leaves_host(group.net.addr()).await?;
            }
        }
        links.sort_by_key(|link| link.index);
        Ok(links)
    }

    /// The interface with this name, without its addresses; `None` where there is none.
    pub async fn find(&self, name: &str) -> Result<Option<Link>, LinkError> {
        let request = self.handle.link().get().match_name(name);
        let found: Result<Vec<LinkMessage>, LinkError> = request
            .execute()
            .try_collect()
            .await
            .tried(|| format!("look up interface {name}"));
        match found {
            Ok(messages) => Ok(messages.into_iter().next().map(link)),
            Err(error) if error.errno() == Some(nix::errno::Errno::ENODEV) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn addresses(&self) -> Result<HashMap<u32, Vec<Address>>, LinkError> {
        let messages: Vec<AddressMessage> = self
            .handle
            .address()
            .get()
            .execute()
            .try_collect()
            .await
            .tried(|| "list the addresses".into())?;
        let mut by_link: HashMap<u32, Vec<Address>> = HashMap::new();
        for message in messages {
            if let Some(address) = address(&message) {
                by_link
                    .entry(message.header.index)
                    .or_default()
                    .push(address);
            }
        }
        Ok(by_link)
    }
}

fn address(message: &AddressMessage) -> Option<Address> {
    let unusable = AddressFlags::Tentative | AddressFlags::Deprecated | AddressFlags::Dadfailed;
    let (mut local, mut remote, mut ours) = (None, None, false);
    let mut flags = AddressFlags::from_bits_retain(u32::from(message.header.flags.bits()));
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => remote = Some(*ip),
            AddressAttribute::Flags(all) => flags = *all,
            AddressAttribute::Protocol(origin) => ours = u8::from(*origin) == ORIGIN,
            _ => {}
        }
    }
    // IFA_ADDRESS is the far end of a point-to-point IPv4 address; IPv6 sends no IFA_LOCAL otherwise.
    let net = IpNet::new(local.or(remote)?, message.header.prefix_len).ok()?;
    Some(Address {
        net,
        global: message.header.scope == AddressScope::Universe,
        usable: !flags.intersects(unusable),
        ours,
    })
}

fn link(message: LinkMessage) -> Link {
    let flags = message.header.flags;
    let mut link = Link {
        index: message.header.index,
        up: flags.contains(LinkFlags::Up),
        carrier: flags.contains(LinkFlags::LowerUp),
        loopback: message.header.link_layer_type == LinkLayerType::Loopback,
        promiscuous: flags.contains(LinkFlags::Promisc),
        ..Link::default()
    };
    for attribute in message.attributes {
        apply(&mut link, attribute);
    }
    link
}

fn apply(link: &mut Link, attribute: LinkAttribute) {
    match attribute {
        LinkAttribute::IfName(name) => link.name = name,
        LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
        LinkAttribute::Address(mac) => link.mac = mac.try_into().ok(),
        LinkAttribute::Mtu(mtu) => link.mtu = mtu,
        LinkAttribute::Link(index) => link.peer_index = Some(index),
        LinkAttribute::LinkNetNsId(_) => link.peer_elsewhere = true,
        LinkAttribute::Controller(index) => link.master = Some(index),
        LinkAttribute::LinkInfo(infos) => infos.into_iter().for_each(|info| kind(link, info)),
        LinkAttribute::Xdp(xdps) => link.xdp = xdp(&xdps),
        _ => {}
    }
}

fn kind(link: &mut Link, info: LinkInfo) {
    match info {
        LinkInfo::Kind(kind) => link.kind = kind.to_string(),
        LinkInfo::Data(InfoData::Tun(infos)) => link.tap = tap::kind(&infos),
        LinkInfo::Data(InfoData::Vxlan(infos)) => link.vxlan = Some(vxlan(&infos)),
        _ => {}
    }
}

fn vxlan(infos: &[InfoVxlan]) -> Vxlan {
    let mut vxlan = Vxlan {
        port: 0,
        vni: 0,
        external: false,
        zero_checksum: false,
        source_ports: (0, 0),
    };
    let (mut send, mut take) = (false, false);
    for info in infos {
        match info {
            InfoVxlan::Port(port) => vxlan.port = *port,
            InfoVxlan::PortRange(range) => vxlan.source_ports = *range,
            InfoVxlan::Id(vni) => vxlan.vni = *vni,
            InfoVxlan::CollectMetadata(on) => vxlan.external = *on,
            InfoVxlan::UDPZeroCsumTX(on) => send = *on,
            InfoVxlan::UDPZeroCsumRX(on) => take = *on,
            _ => {}
        }
    }
    vxlan.zero_checksum = send && take;
    vxlan
}

fn xdp(attributes: &[LinkXdp]) -> Option<Xdp> {
    let native = attributes
        .iter()
        .any(|a| matches!(a, LinkXdp::Attached(XdpAttached::Driver)));
    attributes.iter().find_map(|a| match a {
        LinkXdp::ProgId(program_id) => Some(Xdp {
            program_id: *program_id,
            native,
        }),
        _ => None,
    })
}
