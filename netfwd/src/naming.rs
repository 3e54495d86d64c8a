//! Names and MACs that netfwd derives, the same on every host and after every restart.

use netfwd_common::addr::Mac;

/// Name of the companion device on the instance's UDP port.
pub const COMPANION: &str = "nfvx0";

/// The hostname, which an instance has where nothing names it.
pub fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Name of the companion device on a UDP port, where `own` is the instance's.
pub fn companion(port: u16, own: u16) -> String {
    if port == own {
        return COMPANION.to_owned();
    }
    format!("nfvx{port}")
}

/// Whether a VXLAN device has the name of a companion, and no alias: one whose maker was ended before it could
/// mark it.
pub fn is_unmarked_companion(name: &str, alias: Option<&str>) -> bool {
    let number = name.strip_prefix("nfvx");
    alias.is_none() && number.is_some_and(|number| number.parse::<u16>().is_ok())
}

/// The alias (IFLA_IFALIAS) of every link that an instance makes.
pub fn alias(instance: &str) -> String {
    format!("netfwd:{instance}")
}

/// The network's end of a gateway's pair.
pub fn gateway_end(network: &str) -> String {
    format!("nfg{:08x}", fnv(network))
}

/// The end in netfwd's namespace of a pair whose other end is `name` in `netns`.
pub fn pair_end(netns: &str, name: &str) -> String {
    format!("nfp{:08x}", fnv(&format!("{netns}/{name}")))
}

/// A network's gateway MAC where the configuration gives none: locally administered (IEEE 802-2014
/// §8.2.2), and the same on every host, so that a station that moves keeps its gateway.
pub fn gateway_mac(network: &str) -> Mac {
    let mut mac = [0x02; 6];
    mac[1..5].copy_from_slice(&fnv(network).to_be_bytes());
    mac[5] = fnv(&format!("gateway of {network}")).to_be_bytes()[0];
    mac
}

/// FNV-1a, 32 bits.
fn fnv(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, octet| {
        (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_matches_its_published_vectors() {
        assert_eq!(fnv(""), 0x811c_9dc5);
        assert_eq!(fnv("a"), 0xe40c_292c);
        assert_eq!(fnv("foobar"), 0xbf9c_f968);
    }

    #[test]
    fn names_fit_an_interface() {
        assert!(gateway_end("blue").len() <= 15);
        assert!(pair_end("c2", "eth0").len() <= 15);
        assert_eq!(companion(4789, 4789), "nfvx0");
        assert_eq!(companion(65535, 4789), "nfvx65535");
    }
}
