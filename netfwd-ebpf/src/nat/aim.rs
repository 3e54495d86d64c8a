//! What a packet to an address of the outside is for: a published port, a floating address, or a mapping.

use netfwd_common::{
    addr, balance,
    maps::{
        Config, ConfigFlags, FloatingKey, Mapping, MappingKey, Publish, PublishFlags, PublishKey,
        SessionFlags, SessionKind, TargetFlags,
    },
    nat::proto,
    verdict::DropReason,
};

use super::{Packet, mapping, open, pool};
use crate::{
    balance::choose,
    maps::{self, Scratch},
};

/// What was found.
#[derive(Clone, Copy)]
pub enum Aim {
    /// Nothing: the address is this host's, or nobody's.
    Nowhere,
    /// The session in the scratch has the target.
    At,
    /// It must not go there.
    Drop(DropReason),
}

/// Points the session in the scratch at what the packet's destination stands for.
#[inline(never)]
pub fn aim(packet: &Packet<'_>) -> Aim {
    let (Some(scratch), Some(config)) = (maps::scratch(), maps::config()) else {
        return Aim::Nowhere;
    };
    if config.flags.has(ConfigFlags::PUBLISHED) {
        let aim = configured(scratch, packet);
        if !matches!(aim, Aim::Nowhere) {
            return aim;
        }
    }
    let key = &packet.flow.key;
    if !(config.nat_port_low..=config.nat_port_high).contains(&key.dst_port) {
        return Aim::Nowhere;
    }
    match mapping_at(packet) {
        Some(mapping) => mapped(scratch, packet, mapping),
        None => Aim::Nowhere,
    }
}

/// What the configuration says of a destination: a publish on exactly it, a floating address, a publish on
/// every address of this host.
#[inline(always)]
fn configured(scratch: &mut Scratch, packet: &Packet<'_>) -> Aim {
    let key = &packet.flow.key;
    let any = PublishKey {
        address: addr::any_like(&key.dst),
        port: key.dst_port,
        proto: key.proto,
        pad: 0,
    };
    let is_listener = matches!(key.proto, proto::TCP | proto::UDP | proto::SCTP);
    let exact = PublishKey {
        address: key.dst,
        ..any
    };
    if is_listener && let Some(publish) = maps::publish(&exact) {
        return publish_at(scratch, packet, publish);
    }
    let external = FloatingKey {
        address: key.dst,
        network: 0,
    };
    if let Some(floating) = maps::floating(&external) {
        scratch.session.kind = SessionKind::Floating as u8;
        scratch.session.dst = floating.address;
        scratch.session.enter = floating.network;
        scratch.session.network = floating.network;
        return Aim::At;
    }
    if is_listener
        && let Some(publish) = maps::publish(&any)
        && maps::local(&key.dst).is_some()
    {
        return publish_at(scratch, packet, publish);
    }
    Aim::Nowhere
}

#[inline(always)]
fn publish_at(scratch: &mut Scratch, packet: &Packet<'_>, publish: &Publish) -> Aim {
    let key = &packet.flow.key;
    let client = balance::client(key, publish.flags.has(PublishFlags::AFFINITY));
    let Some(target) = choose(client, publish) else {
        return Aim::Drop(DropReason::TargetDown);
    };
    if addr::is_v4(&target.address) != addr::is_v4(&key.dst) {
        // A listener on every address stands for those of its targets' family.
        return Aim::Nowhere;
    }
    if target.flags.has(TargetFlags::DOWN) {
        return Aim::Drop(DropReason::TargetDown);
    }
    scratch.session.kind = SessionKind::Publish as u8;
    scratch.session.dst = target.address;
    scratch.session.dst_port = target.port.wrapping_add(publish.offset);
    scratch.session.enter = publish.network;
    scratch.session.network = publish.network;
    Aim::At
}

/// An endpoint by its mapping: from outside where the instance lets everybody in (RFC 4787 REQ-8), from inside
/// where the networks may (REQ-9). A host socket with this very tuple is asked first: its replies come to
/// the same address.
#[inline(always)]
fn mapped(scratch: &mut Scratch, packet: &Packet<'_>, mapping: &Mapping) -> Aim {
    let key = &packet.flow.key;
    let from = key.network;
    let admitted = if from == 0 {
        maps::config().is_some_and(is_open)
    } else {
        open::is_allowed(from, mapping.network)
    };
    if from == 0 && pool::has_socket(packet.ctx.skb.skb, key, &mut scratch.socket) {
        return Aim::Nowhere;
    }
    if !admitted {
        // An identifier may be the host's own as well, whose sockets for it cannot be asked.
        let is_query = from == 0 && matches!(key.proto, proto::ICMP | proto::ICMPV6);
        return if is_query {
            Aim::Nowhere
        } else {
            Aim::Drop(DropReason::NatFiltered)
        };
    }
    scratch.session.dst = mapping.address;
    scratch.session.dst_port = mapping.port;
    scratch.session.enter = mapping.network;
    scratch.session.network = mapping.network;
    scratch.session.flags = scratch.session.flags.with(SessionFlags::TO_MAPPED);
    Aim::At
}

/// Whether whoever sends from outside may reach an endpoint by its mapping.
#[inline(always)]
fn is_open(config: &Config) -> bool {
    config
        .flags
        .has(ConfigFlags::ENDPOINT_INDEPENDENT_FILTERING)
}

/// The mapping that a packet's destination is the outside of.
#[inline(always)]
pub fn mapping_at(packet: &Packet<'_>) -> Option<&'static mut Mapping> {
    let key = &packet.flow.key;
    let outside = MappingKey {
        address: key.dst,
        network: 0,
        port: key.dst_port,
        proto: key.proto,
        pad: 0,
    };
    mapping::find(&outside, packet.now)
}
