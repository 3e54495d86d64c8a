//! Making veth pairs.

use std::os::fd::{AsFd, AsRawFd};

use netfwd_common::addr::Mac;
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkMessage};
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use super::{LinkError, Links, Tried, netns::Netns};

/// One end of a pair to make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VethEnd {
    /// Its name.
    pub name: String,
    /// Its MAC address; the kernel chooses where there is none.
    pub mac: Option<Mac>,
    /// Its MTU.
    pub mtu: u32,
}

impl VethEnd {
    fn builder(&self) -> LinkMessageBuilder<LinkUnspec> {
        let link = LinkMessageBuilder::<LinkUnspec>::new()
            .name(&self.name)
            .mtu(self.mtu);
        match self.mac {
            Some(mac) => link.address(mac.to_vec()),
            None => link,
        }
    }
}

impl Links {
    /// Makes a pair with both ends down, the second in `netns` where one is given, and marks the ends
    /// that are in this namespace with the instance's alias.
    pub async fn add_veth(
        &self,
        end: &VethEnd,
        other: &VethEnd,
        netns: Option<&Netns>,
    ) -> Result<(), LinkError> {
        let message = pair(end, other, netns);
        let done = self.handle.link().add(message).execute().await;
        done.tried(|| format!("make veth pair {} – {}", end.name, other.name))?;
        // RTM_NEWLINK ignores an alias when it creates (net/core/rtnetlink.c,
        // rtnl_create_link), so it takes a request of its own.
        self.mark(&end.name).await?;
        if netns.is_none() {
            self.mark(&other.name).await?;
        }
        Ok(())
    }

    pub(super) async fn mark(&self, name: &str) -> Result<u32, LinkError> {
        let found = self.find(name).await?.ok_or(nix::errno::Errno::ENODEV);
        let index = found.tried(|| format!("find interface {name}"))?.index;
        self.set_alias(index, &self.alias).await?;
        Ok(index)
    }
}

fn pair(end: &VethEnd, other: &VethEnd, netns: Option<&Netns>) -> LinkMessage {
    let mut far = other.builder();
    if let Some(netns) = netns {
        far = far.setns_by_fd(netns.fd().as_fd().as_raw_fd());
    }
    let mut message = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::Veth)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(far.build())))
        .build();
    let near = end.builder().build();
    message.attributes.extend(near.attributes);
    message
}
