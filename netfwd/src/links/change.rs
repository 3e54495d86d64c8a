//! Changing interfaces and their addresses.

use futures::StreamExt;
use ipnet::IpNet;
use netfwd_common::addr::Mac;
use netlink_packet_route::{
    RouteNetlinkMessage,
    address::AddressAttribute,
    link::{AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute, LinkXdp},
};
use nix::errno::Errno;
use rtnetlink::{
    AddressMessageBuilder, LinkMessageBuilder, LinkUnspec,
    packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload},
};

use super::{LinkError, Links, ORIGIN, Tried, interface, ipv6};

type Change = LinkMessageBuilder<LinkUnspec>;

impl Links {
    async fn change(
        &self,
        index: u32,
        what: impl FnOnce() -> String,
        build: impl FnOnce(Change) -> Change,
    ) -> Result<(), LinkError> {
        let message = build(LinkUnspec::new_with_index(index)).build();
        self.handle
            .link()
            .change(message)
            .execute()
            .await
            .tried(what)
    }

    /// Sets the administrative state.
    pub async fn set_up(&self, index: u32, up: bool) -> Result<(), LinkError> {
        let state = if up { "up" } else { "down" };
        let what = || format!("set {} {state}", interface(index));
        self.change(index, what, |link| if up { link.up() } else { link.down() })
            .await
    }

    /// Has the interface take every frame, whoever it is for, or only its own.
    pub async fn set_promiscuous(&self, index: u32, on: bool) -> Result<(), LinkError> {
        let state = if on { "on" } else { "off" };
        let what = || format!("switch promiscuous mode of {} {state}", interface(index));
        self.change(index, what, |link| link.promiscuous(on)).await
    }

    /// Sets the MAC address.
    pub async fn set_mac(&self, index: u32, mac: Mac) -> Result<(), LinkError> {
        let what = || format!("set the MAC address of {}", interface(index));
        self.change(index, what, |link| link.address(mac.to_vec()))
            .await
    }

    /// Sets the MTU.
    pub async fn set_mtu(&self, index: u32, mtu: u32) -> Result<(), LinkError> {
        let what = || format!("set the MTU of {} to {mtu}", interface(index));
        self.change(index, what, |link| link.mtu(mtu)).await
    }

    /// Sets the alias.
    pub async fn set_alias(&self, index: u32, alias: &str) -> Result<(), LinkError> {
        let what = || format!("set the alias of {}", interface(index));
        self.change(index, what, |link| link.alias(alias)).await
    }

    /// Keeps IPv6 from giving the interface a link-local address. Where the kernel has no IPv6 there
    /// is nothing to keep.
    pub async fn set_no_ipv6_address(&self, index: u32) -> Result<(), LinkError> {
        let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
        let spec = LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![mode])]);
        let what = || {
            format!(
                "set the IPv6 address generation mode of {}",
                interface(index)
            )
        };
        let done = self
            .change(index, what, |link| link.append_extra_attribute(spec))
            .await;
        match done {
            Err(error) if matches!(error.errno(), Some(Errno::EAFNOSUPPORT)) => Ok(()),
            other => other,
        }
    }

    /// Removes an XDP program that is attached without a link.
    pub async fn clear_xdp(&self, index: u32) -> Result<(), LinkError> {
        let none = LinkAttribute::Xdp(vec![LinkXdp::Fd(-1)]);
        let what = || format!("detach the XDP program from {}", interface(index));
        self.change(index, what, |link| link.append_extra_attribute(none))
            .await
    }

    /// Deletes an interface; one that is gone already is no error.
    pub async fn delete(&self, index: u32) -> Result<(), LinkError> {
        let done = self.handle.link().del(index).execute().await;
        absent_is_fine(done.tried(|| format!("delete {}", interface(index))))
    }

    /// Gives an interface an address, marked as netfwd's; one that it has already is no error.
    pub async fn add_address(&self, index: u32, net: IpNet) -> Result<(), LinkError> {
        let mut request = self
            .handle
            .address()
            .add(index, net.addr(), net.prefix_len());
        let origin = AddressAttribute::Protocol(ORIGIN.into());
        request.message_mut().attributes.push(origin);
        let done = request.replace().execute().await;
        done.tried(|| format!("add address {net} to {}", interface(index)))
            .map_err(|error| ipv6::explained(error, index, net.addr()))
    }

    /// Takes an address from an interface; one that it does not have is no error.
    pub async fn delete_address(&self, index: u32, net: IpNet) -> Result<(), LinkError> {
        let message = match net {
            IpNet::V4(net) => AddressMessageBuilder::<std::net::Ipv4Addr>::new()
                .index(index)
                .address(net.addr(), net.prefix_len())
                .build(),
            IpNet::V6(net) => AddressMessageBuilder::<std::net::Ipv6Addr>::new()
                .index(index)
                .address(net.addr(), net.prefix_len())
                .build(),
        };
        let done = self.handle.address().del(message).execute().await;
        absent_is_fine(done.tried(|| format!("remove address {net} from {}", interface(index))))
    }

    /// Sends one request and waits for the kernel's answer, for what rtnetlink has no call for.
    pub(super) async fn request(&self, message: RouteNetlinkMessage) -> std::io::Result<()> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
        let mut handle = self.handle.clone();
        let mut response = handle
            .request(request)
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        while let Some(message) = response.next().await {
            if let NetlinkPayload::Error(error) = message.payload
                && error.code.is_some()
            {
                return Err(error.to_io());
            }
        }
        Ok(())
    }
}

/// That what was to be removed is not there is no error.
pub(super) fn absent_is_fine(done: Result<(), LinkError>) -> Result<(), LinkError> {
    match done {
        Err(error)
            if matches!(
                error.errno(),
                Some(Errno::ENODEV | Errno::EADDRNOTAVAIL | Errno::ENOENT | Errno::ESRCH)
            ) =>
        {
            Ok(())
        }
        other => other,
    }
}
