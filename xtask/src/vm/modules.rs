//! Which modules a guest loads, in which order.

use std::collections::HashMap;

use anyhow::{Context as _, Result};

/// The files of `wanted` and of all they depend on, each after what it depends on, from the text
/// of `modules.dep`.
pub fn load_order<'a>(modules_dep: &'a str, wanted: &[&str]) -> Result<Vec<&'a str>> {
    let table: HashMap<&str, (&str, Vec<&str>)> = modules_dep.lines().filter_map(entry).collect();
    let mut order = Vec::new();
    for name in wanted {
        let (file, needs) = table
            .get(name)
            .with_context(|| format!("the kernel has no module {name}"))?;
        // modules.dep lists the whole closure, what is loaded first at the end.
        for file in needs.iter().rev().chain([file]) {
            if !order.contains(file) {
                order.push(*file);
            }
        }
    }
    Ok(order)
}

fn entry(line: &str) -> Option<(&str, (&str, Vec<&str>))> {
    let (file, needs) = line.split_once(':')?;
    Some((name_of(file), (file, needs.split_whitespace().collect())))
}

/// A module's name: its file's name up to the first dot.
pub fn name_of(file: &str) -> &str {
    let base = file.rsplit('/').next().unwrap_or(file);
    base.split('.').next().unwrap_or(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "\
kernel/drivers/net/veth.ko.xz:
kernel/drivers/net/vxlan/vxlan.ko.xz: kernel/net/ipv6/ip6_udp_tunnel.ko.xz kernel/net/ipv4/udp_tunnel.ko.xz
kernel/net/ipv4/udp_tunnel.ko.xz:
kernel/net/ipv6/ip6_udp_tunnel.ko.xz: kernel/net/ipv4/udp_tunnel.ko.xz
";

    #[test]
    fn what_is_needed_comes_first_and_once() {
        let order = load_order(DEP, &["vxlan", "udp_tunnel", "veth"]).unwrap();
        let names: Vec<_> = order.iter().map(|file| name_of(file)).collect();
        assert_eq!(names, ["udp_tunnel", "ip6_udp_tunnel", "vxlan", "veth"]);
    }

    #[test]
    fn an_unknown_module_is_named() {
        let error = load_order(DEP, &["bond"]).unwrap_err();
        assert_eq!(error.to_string(), "the kernel has no module bond");
    }
}
