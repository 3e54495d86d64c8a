//! IPv6 that is switched off for an interface.

use std::net::IpAddr;

use nix::errno::Errno;
use nix::net::if_::if_indextoname;

use super::{LinkError, sysctl};
use crate::observed::Sysctl;

/// The error about an address on an interface of the calling thread's namespace, with what helps where IPv6 is off. The kernel
/// says EACCES then (net/ipv6/addrconf.c, `addrconf_add_dev`), which would else be missing privileges: the setting tells which
/// of them it is.
pub(super) fn explained(error: LinkError, index: u32, address: IpAddr) -> LinkError {
    if !address.is_ipv6() || error.errno() != Some(Errno::EACCES) {
        return error;
    }
    match switched_off_by(index) {
        None => error,
        Some(setting) => error.helped_by(format!(
            "IPv6 is switched off there: set {setting} to 0 in that network namespace, or take the interface's IPv6 \
             addresses out of the configuration"
        )),
    }
}

/// The setting that has IPv6 off on an interface. The kernel asks the interface's own; what is written to that of all is
/// written to each interface, and to what those to come begin with (net/ipv6/addrconf.c, `addrconf_disable_ipv6`).
fn switched_off_by(index: u32) -> Option<String> {
    let device = if_indextoname(index).ok()?.into_string().ok()?;
    if !is_off(&device) {
        return None;
    }
    let of = if is_off("all") { "all" } else { &device };
    // As sysctl(8) writes the dot of an interface's name.
    let of = of.replace('.', "/");
    Some(format!("net.ipv6.conf.{of}.disable_ipv6"))
}

fn is_off(device: &str) -> bool {
    sysctl::read(Sysctl::DisableIpv6, device).is_some_and(|value| value != "0")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::links::tests::named;
    use crate::sandbox::{in_new_netns, pair};

    #[test]
    fn the_setting_tells_what_the_kernel_means() {
        in_new_netns(|links| async move {
            pair(&links, "eth0.7", "nfp1", 1500).await;
            let index = named(&links, "eth0.7").await.index;
            let refusal = |errno: Errno, address: &str| {
                let refused = LinkError::new("add it", io::Error::from(errno));
                let address = address.parse().expect("an address");
                explained(refused, index, address).to_string()
            };
            let as_root = |sentence: String| sentence.ends_with("; run netfwd as root");
            assert!(as_root(refusal(Errno::EACCES, "fd00:3::13")), "it is on");

            sysctl::write(Sysctl::DisableIpv6, "eth0.7", 1).expect("off");
            let sentence = refusal(Errno::EACCES, "fd00:3::13");
            assert!(
                sentence.contains("set net.ipv6.conf.eth0/7.disable_ipv6 to 0"),
                "{sentence}"
            );
            assert!(as_root(refusal(Errno::EACCES, "10.0.3.13")), "IPv4");
            assert!(as_root(refusal(Errno::EPERM, "fd00:3::13")), "no root");

            sysctl::write(Sysctl::DisableIpv6, "all", 1).expect("off");
            let sentence = refusal(Errno::EACCES, "fd00:3::13");
            assert!(
                sentence.contains("set net.ipv6.conf.all.disable_ipv6 to 0"),
                "{sentence}"
            );
        });
    }

    #[test]
    fn an_address_is_refused_with_it() {
        in_new_netns(|links| async move {
            pair(&links, "eth0", "nfp1", 1500).await;
            let index = named(&links, "eth0").await.index;
            sysctl::write(Sysctl::DisableIpv6, "eth0", 1).expect("off");
            let net = "fd00:3::13/64".parse().expect("a net");
            let refused = links.add_address(index, net).await;
            assert_eq!(
                refused.expect_err("refused").to_string(),
                "cannot add address fd00:3::13/64 to interface eth0: Permission denied (os error 13); IPv6 is switched \
                 off there: set net.ipv6.conf.eth0.disable_ipv6 to 0 in that network namespace, or take the \
                 interface's IPv6 addresses out of the configuration"
            );
        });
    }
}
