//! Offloads that are off and need not be: what uplinks, ports and the inner ends of pairs leave to the CPU.

use super::{Finding, Severity};
use crate::config::{Config, Pair, PortAt};
use crate::links::{Link, LinkError, netns, netns::Netns, offloads::Offloads};

/// Checksums of what is sent, as the kernel names them; which of them a driver has depends on it.
const CHECKSUMS: &[&str] = &[
    "tx-checksum-ip-generic",
    "tx-checksum-ipv4",
    "tx-checksum-ipv6",
];
const SEGMENTS: &[&str] = &["tx-tcp-segmentation", "tx-tcp6-segmentation"];

/// An interface, and how its offloads are set.
struct Subject<'a> {
    /// What it is called in findings.
    object: String,
    /// The command in front of settings.
    command: String,
    offloads: &'a Offloads,
}

impl Subject<'_> {
    fn here<'a>(link: &Link, offloads: &'a Offloads) -> Subject<'a> {
        Subject {
            object: link.name.clone(),
            command: format!("ethtool -K {}", link.name),
            offloads,
        }
    }

    fn inner<'a>(pair: &Pair, offloads: &'a Offloads) -> Subject<'a> {
        let (name, netns) = (&pair.name, netns::path(&pair.netns));
        Subject {
            object: format!("{name} in {}", pair.netns),
            command: format!("nsenter --net={} ethtool -K {name}", netns.display()),
            offloads,
        }
    }

    fn lacks_any(&self, features: &[&str]) -> bool {
        features.iter().any(|feature| self.offloads.lacks(feature))
    }

    fn finding(&self, finding: &str, settings: &str) -> Finding {
        let remedy = format!("`{} {settings}`", self.command);
        Finding::new(Severity::Warning, &self.object, finding, &remedy)
    }

    /// What leaves it: without checksums, and without scattering, nothing is segmented (net/core/dev.c,
    /// `netdev_fix_features`).
    fn sends(&self) -> Option<Finding> {
        let off: Vec<&str> = [
            ("tx", CHECKSUMS),
            ("sg", &["tx-scatter-gather"]),
            ("tso", SEGMENTS),
        ]
        .into_iter()
        .filter_map(|(setting, features)| self.lacks_any(features).then_some(setting))
        .collect();
        let finding = format!(
            "has {} off: the CPU cuts bulk TCP into single segments before it sends it{}",
            off.join(", "),
            if off.contains(&"tx") {
                ", and sums each octet"
            } else {
                ""
            }
        );
        (!off.is_empty()).then(|| self.finding(&finding, &format!("{} on", off.join(" on "))))
    }

    /// What enters it: its own driver's business, where another stack does not hand it over as it was sent.
    fn receives(&self) -> Vec<Finding> {
        let found = [
            self.offloads.lacks("rx-gro").then(|| {
                let finding =
                    "has gro off: bulk TCP that comes in takes the whole way in single segments";
                self.finding(finding, "gro on")
            }),
            self.offloads.lacks("rx-checksum").then(|| {
                let finding =
                    "has rx off: the CPU sums each octet that comes in for this host and for GRO";
                self.finding(finding, "rx on")
            }),
            // What LRO merges cannot be segmented again (net/core/dev.c, __skb_warn_lro_forwarding).
            self.offloads.has("rx-lro").then(|| {
                let finding =
                    "has lro on: what it merges cannot be sent on, and TCP through it stalls";
                self.finding(finding, "lro off")
            }),
        ];
        found.into_iter().flatten().collect()
    }

    /// What goes into tunnels by it.
    fn tunnels(&self, udp_checksum: bool) -> Option<Finding> {
        let feature = if udp_checksum {
            "tx-udp_tnl-csum-segmentation"
        } else {
            "tx-udp_tnl-segmentation"
        };
        let finding = format!(
            "has {feature} off: the CPU cuts bulk TCP into single segments in front of tunnels"
        );
        self.offloads
            .lacks(feature)
            .then(|| self.finding(&finding, &format!("{feature} on")))
    }
}

/// The interfaces on which the state of an offload costs something.
pub(super) async fn findings(config: &Config, list: &[Link]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ports: Vec<&PortAt> = ports(config).collect();
    for link in list {
        let is_uplink = config.host.uplinks.contains(&link.name);
        let is_port = || {
            ports
                .iter()
                .any(|at| matches!(at, PortAt::Interface(name) if *name == link.name))
        };
        // One that is gone by now, or has none, costs nothing.
        if let Some(offloads) = (is_uplink || is_port())
            .then(|| Offloads::of(&link.name).ok())
            .flatten()
        {
            let subject = Subject::here(link, &offloads);
            findings.extend(of_link(&subject, link, is_uplink));
            let tunnels = is_uplink && super::is_underlay(config, link);
            findings.extend(
                tunnels
                    .then(|| subject.tunnels(config.vxlan.udp_checksum))
                    .flatten(),
            );
        }
    }
    for at in ports {
        if let PortAt::Pair(pair) = at
            && let Ok(offloads) = inner(pair).await
        {
            findings.extend(Subject::inner(pair, &offloads).sends());
        }
    }
    findings
}

fn ports(config: &Config) -> impl Iterator<Item = &PortAt> {
    let ports = config.networks.iter().flat_map(|network| &network.ports);
    ports.map(|port| &port.at)
}

/// What an uplink's or a port's own offloads cost. A veth hands over what its other end sent, as it was; what
/// a tap takes is its virtual machine's to say; and what goes to a container passes by its veth's own end.
fn of_link(subject: &Subject<'_>, link: &Link, is_uplink: bool) -> Vec<Finding> {
    let is_virtual = ["veth", "tun"].contains(&link.kind.as_str());
    let mut findings = Vec::new();
    if !is_virtual {
        findings.extend(subject.receives());
    }
    if !is_virtual || (is_uplink && link.kind == "veth") {
        findings.extend(subject.sends());
    }
    findings
}

/// The offloads of a pair's end in a container.
async fn inner(pair: &Pair) -> Result<Offloads, LinkError> {
    let name = pair.name.clone();
    let read = |_| async move { Offloads::of(&name) };
    Netns::open(&pair.netns)?.run(read).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::offloads::Offload;

    /// What is on (`+`), or off and switchable (`-`).
    fn offloads(states: &[&str]) -> Offloads {
        let state = |text: &&str| {
            let on = text.starts_with('+');
            let offload = Offload {
                on,
                switchable: true,
            };
            (text[1..].to_owned(), offload)
        };
        states.iter().map(state).collect()
    }

    fn link(kind: &str) -> Link {
        Link {
            name: "eth0".into(),
            kind: kind.into(),
            ..Link::default()
        }
    }

    fn remedies(kind: &str, states: &[&str], is_uplink: bool) -> Vec<String> {
        let offloads = offloads(states);
        let link = link(kind);
        let found = of_link(&Subject::here(&link, &offloads), &link, is_uplink);
        found.into_iter().map(|finding| finding.remedy).collect()
    }

    const OFF: &[&str] = &[
        "-tx-checksum-ip-generic",
        "-tx-scatter-gather",
        "-tx-tcp-segmentation",
        "-rx-gro",
        "-rx-checksum",
    ];

    #[test]
    fn a_nic_is_told_what_it_could_do() {
        let all = [
            "`ethtool -K eth0 gro on`",
            "`ethtool -K eth0 rx on`",
            "`ethtool -K eth0 tx on sg on tso on`",
        ];
        assert_eq!(remedies("", OFF, true), all);
        assert_eq!(remedies("", OFF, false), all);
        assert_eq!(
            remedies("", &["+rx-gro", "+tx-tcp-segmentation"], true),
            [""; 0]
        );
        assert_eq!(
            remedies("", &["+rx-lro"], true),
            ["`ethtool -K eth0 lro off`"]
        );
    }

    #[test]
    fn what_costs_nothing_is_not_told() {
        assert_eq!(remedies("veth", OFF, false), [""; 0]);
        assert_eq!(remedies("tun", OFF, false), [""; 0]);
        let uplink = ["`ethtool -K eth0 tx on sg on tso on`"];
        assert_eq!(remedies("veth", OFF, true), uplink);
    }

    #[test]
    fn tunnels_take_the_feature_of_their_checksums() {
        let offloads = offloads(&["-tx-udp_tnl-segmentation", "+tx-udp_tnl-csum-segmentation"]);
        let link = link("");
        let subject = Subject::here(&link, &offloads);
        let found = subject.tunnels(false).expect("it is off");
        assert_eq!(found.remedy, "`ethtool -K eth0 tx-udp_tnl-segmentation on`");
        assert_eq!(subject.tunnels(true), None);
    }
}
