//! The two experiments that every VXLAN tutorial shows, point to point and with a container bridge:
//! netfwd on one side and plain `ip link` on the other, both ways round, and netfwd on both.

use anyhow::{Context as _, Result, ensure};
use tests::{
    netns::Namespace,
    packet::Mac,
    topology::{Instance, Stack, veth},
    traffic::{Ping, ping, tcp_bulk, udp_segments},
};

/// The hosts' addresses end in this.
const NUMBERS: [u8; 2] = [106, 107];
const OCTETS: u64 = 20_000_000;
const MTU: usize = 1450;

/// A host on the underlay, with the daemon where netfwd does the job.
struct Host {
    ns: Namespace,
    number: u8,
    remote: u8,
    netfwd: Option<Instance>,
}

/// Two hosts that an underlay joins, eth0 to eth0.
fn hosts() -> Result<[Host; 2]> {
    let [a, b] = NUMBERS.map(|number| {
        Ok::<_, anyhow::Error>(Host {
            ns: Namespace::new(&format!("h{number}"))?,
            number,
            remote: NUMBERS[0] + NUMBERS[1] - number,
            netfwd: None,
        })
    });
    let hosts = [a?, b?];
    veth(&hosts[0].ns, "eth0", &hosts[1].ns, "eth0")?;
    for host in &hosts {
        let address = format!("addr add 10.0.0.{}/24 dev eth0", host.number);
        host.ns.ip(&address)?;
    }
    Ok(hosts)
}

impl Host {
    /// Starts netfwd with a network that the other host is a peer of.
    fn netfwd(&mut self, network: &str) -> Result<()> {
        let (name, number, remote) = (self.ns.name(), self.number, self.remote);
        let config = format!(
            "[host]\nname = \"{name}\"\nuplinks = [\"eth0\"]\nvtep = \"10.0.0.{number}\"\n\n\
             [[network]]\npeers = [\"10.0.0.{remote}\"]\n{network}"
        );
        let mut instance = Instance::new(&self.ns, &config)?;
        instance.start()?;
        self.netfwd = Some(instance);
        Ok(())
    }
}

/// Both ways: echoes from the first one on, packets of the whole MTU, TCP and UDP super-packets.
fn talk(from: (&Namespace, &str), to: (&Namespace, &str)) -> Result<()> {
    for ((from, _), (to, address)) in [(from, to), (to, from)] {
        let address: std::net::Ipv4Addr = address.parse()?;
        ping(from, address, Ping::count(10))?.complete()?;
        ping(from, address, Ping::whole(MTU))?.complete()?;
        tcp_bulk(to, address, from, OCTETS).context("TCP")?;
        udp_segments(to, address, from, OCTETS / 4)?.complete()?;
    }
    Ok(())
}

/// `vxlan1` of a host, VNI 1, with the address 10.20.1.NUMBER.
fn point(host: &mut Host, stack: Stack) -> Result<()> {
    let (number, remote) = (host.number, host.remote);
    match stack {
        Stack::Kernel => host.ns.ip(&format!(
            "link add vxlan1 type vxlan id 1 remote 10.0.0.{remote} dstport 4789 dev eth0
             addr add 10.20.1.{number}/24 dev vxlan1
             link set vxlan1 up"
        )),
        // Each end is a station of its own here, and not a gateway that all hosts have.
        Stack::Netfwd => host.netfwd(&format!(
            "name = \"p2p\"\nvni = 1\narp_suppression = false\n\n\
             \x20 [network.gateway]\n  device = \"vxlan1\"\n  mac = \"02:00:00:00:01:{number:02x}\"\n\
             \x20 addresses = [\"10.20.1.{number}/24\"]\n"
        )),
    }
}

fn point_to_point(stacks: [Stack; 2]) -> Result<()> {
    let mut hosts = hosts()?;
    for (host, stack) in hosts.iter_mut().zip(stacks) {
        point(host, stack)?;
    }
    let [a, b] = &hosts;
    talk((&a.ns, "10.20.1.106"), (&b.ns, "10.20.1.107"))
}

#[test]
fn point_to_point_with_ip_link() -> Result<()> {
    point_to_point([Stack::Netfwd, Stack::Kernel])?;
    point_to_point([Stack::Kernel, Stack::Netfwd])
}

#[test]
fn point_to_point_on_netfwd() -> Result<()> {
    point_to_point([Stack::Netfwd, Stack::Netfwd])
}

#[test]
fn point_to_point_on_ip_link() -> Result<()> {
    point_to_point([Stack::Kernel, Stack::Kernel])
}

/// A container of 172.18.0.0/16 on a bridge that VNI 200 is joined to.
fn bridged(host: &mut Host, stack: Stack) -> Result<Namespace> {
    let number = host.number;
    let container = Namespace::new(&format!("c{number}"))?;
    match stack {
        Stack::Kernel => plug(host, &container)?,
        Stack::Netfwd => host.netfwd(&format!(
            "name = \"containers\"\nvni = 200\n\n\
             \x20 [network.gateway]\n  device = \"br-172\"\n  addresses = [\"172.18.0.1/16\"]\n\n\
             \x20 [[network.port]]\n  netns = \"{}\"\n  name = \"eth0\"\n\
             \x20 addresses = [\"172.18.0.{number}/16\"]\n  default_route = true\n",
            container.name()
        ))?,
    }
    Ok(container)
}

/// What the tutorial types.
fn plug(host: &Host, container: &Namespace) -> Result<()> {
    let remote = host.remote;
    veth(&host.ns, "veth0", container, "eth0")?;
    host.ns.ip(&format!(
        "link set veth0 mtu {MTU}
         link add br-172 mtu {MTU} type bridge
         addr add 172.18.0.1/16 dev br-172
         link set br-172 up
         link set veth0 master br-172
         link add vxlan200 type vxlan id 200 remote 10.0.0.{remote} dstport 4789 dev eth0
         link set vxlan200 master br-172
         link set vxlan200 up"
    ))?;
    for family in ["iptables", "ip6tables", "arptables"] {
        let key = format!("net/bridge/bridge-nf-call-{family}");
        host.ns.sysctl(&key, "0")?;
    }
    container.ip(&format!(
        "link set eth0 mtu {MTU}
         addr add 172.18.0.{}/16 dev eth0
         route add default via 172.18.0.1",
        host.number
    ))
}

/// The MAC of a host's end of the network, which has the gateway's address.
fn gateway_mac(host: &Namespace) -> Result<Mac> {
    let output = host.run("ip -j link show br-172")?;
    let links: Vec<serde_json::Value> = serde_json::from_str(&output.stdout)?;
    let mac = links[0]["address"].as_str().context("a MAC address")?;
    Ok(tests::packet::mac(mac))
}

/// Both hosts have 172.18.0.1, and a container is answered by its own.
fn gateway_is_local(host: &Namespace, container: &Namespace) -> Result<()> {
    let gateway = std::net::Ipv4Addr::new(172, 18, 0, 1);
    ping(container, gateway, Ping::count(5))?.complete()?;
    let output = container.run("ip -j neigh show 172.18.0.1")?;
    let rows: Vec<serde_json::Value> = serde_json::from_str(&output.stdout)?;
    let mac = rows[0]["lladdr"].as_str().context("no neighbour")?;
    ensure!(tests::packet::mac(mac) == gateway_mac(host)?, "{output}");
    Ok(())
}

fn container_bridge(stacks: [Stack; 2]) -> Result<()> {
    let mut hosts = hosts()?;
    let [a, b] = &mut hosts;
    let containers = [bridged(a, stacks[0])?, bridged(b, stacks[1])?];
    let [first, second] = &containers;
    talk((first, "172.18.0.106"), (second, "172.18.0.107"))?;
    for (host, container) in hosts.iter().zip(&containers) {
        gateway_is_local(&host.ns, container)?;
    }
    Ok(())
}

#[test]
fn container_bridge_with_ip_link() -> Result<()> {
    container_bridge([Stack::Netfwd, Stack::Kernel])?;
    container_bridge([Stack::Kernel, Stack::Netfwd])
}

#[test]
fn container_bridge_on_netfwd() -> Result<()> {
    container_bridge([Stack::Netfwd, Stack::Netfwd])
}
