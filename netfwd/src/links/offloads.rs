//! What an interface computes by itself: its features, as `ethtool -k` shows them.

use std::collections::BTreeMap;
use std::io;

use super::{LinkError, Tried, ethtool::call};

/// include/uapi/linux/ethtool.h.
const GET_STRINGS: u32 = 0x0000_001b;
const GET_SET_SIZES: u32 = 0x0000_0037;
const GET_FEATURES: u32 = 0x0000_003a;
/// `ETH_SS_FEATURES`.
const FEATURES: u32 = 4;
/// Octets of a name, `ETH_GSTRING_LEN`.
const NAME: usize = 32;
/// More features than there are: 64 in Linux 6.18.
const MOST: usize = 128;

/// `struct ethtool_sset_info` for one set.
#[repr(C)]
struct Sizes {
    command: u32,
    reserved: u32,
    mask: u64,
    size: u32,
    pad: u32,
}

/// `struct ethtool_gstrings`.
#[repr(C)]
struct Names {
    command: u32,
    set: u32,
    count: u32,
    all: [[u8; NAME]; MOST],
}

/// `struct ethtool_get_features_block`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Block {
    available: u32,
    requested: u32,
    active: u32,
    never_changed: u32,
}

/// `struct ethtool_gfeatures`.
#[repr(C)]
struct States {
    command: u32,
    blocks: u32,
    words: [Block; MOST / 32],
}

/// A feature of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// It is in force.
    pub on: bool,
    /// It can be switched.
    pub switchable: bool,
}

/// The features of an interface, by the kernel's names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offloads(BTreeMap<String, Offload>);

impl Offloads {
    /// Asks for those of an interface.
    pub fn of(device: &str) -> Result<Self, LinkError> {
        read(device).tried(|| format!("ask for offloads of interface {device}"))
    }

    /// Whether a feature is in force.
    pub fn has(&self, feature: &str) -> bool {
        self.0.get(feature).is_some_and(|offload| offload.on)
    }

    /// Whether a feature is off that can be switched on.
    pub fn lacks(&self, feature: &str) -> bool {
        let offload = self.0.get(feature);
        offload.is_some_and(|offload| offload.switchable && !offload.on)
    }
}

impl FromIterator<(String, Offload)> for Offloads {
    fn from_iter<I: IntoIterator<Item = (String, Offload)>>(offloads: I) -> Self {
        Self(offloads.into_iter().collect())
    }
}

fn read(device: &str) -> io::Result<Offloads> {
    let names = names(device)?;
    let mut states = States {
        command: GET_FEATURES,
        blocks: (MOST / 32) as u32,
        words: Default::default(),
    };
    call(device, &mut states)?;
    let offload = |(at, name): (usize, String)| {
        let (block, bit) = (states.words[at / 32], 1_u32 << (at % 32));
        let offload = Offload {
            on: block.active & bit != 0,
            switchable: block.available & bit != 0,
        };
        (name, offload)
    };
    Ok(names.into_iter().enumerate().map(offload).collect())
}

/// The names of all features, in their order.
fn names(device: &str) -> io::Result<Vec<String>> {
    let mut sizes = Sizes {
        command: GET_SET_SIZES,
        reserved: 0,
        mask: 1 << FEATURES,
        size: 0,
        pad: 0,
    };
    call(device, &mut sizes)?;
    // The kernel writes as many names as it has, whatever room it is told of.
    if sizes.size as usize > MOST {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut names = Names {
        command: GET_STRINGS,
        set: FEATURES,
        count: sizes.size,
        all: [[0; NAME]; MOST],
    };
    call(device, &mut names)?;
    let known = names.all.iter().take(names.count as usize);
    Ok(known.map(|name| text(name)).collect())
}

fn text(name: &[u8]) -> String {
    let end = name.iter().position(|&octet| octet == 0);
    String::from_utf8_lossy(&name[..end.unwrap_or(name.len())]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::ethtool::set_gro;
    use crate::sandbox::{in_new_netns, pair};

    #[test]
    fn features_are_read_by_name() {
        in_new_netns(|links| async move {
            pair(&links, "p0", "p1", 1500).await;
            let of = || Offloads::of("p0").expect("asked");
            assert!(of().has("tx-tcp-segmentation") && !of().lacks("tx-tcp-segmentation"));
            assert!(of().lacks("rx-gro"), "off on a veth by default");
            set_gro("p0", true).expect("GRO on");
            assert!(of().has("rx-gro"));
            assert!(!of().has("nosuch") && !of().lacks("nosuch"));
            assert!(!of().lacks("rx-lro"), "a veth has none");
            assert!(Offloads::of("nosuch").is_err());
        });
    }
}
