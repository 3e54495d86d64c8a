//! What one instance is held to: 4,000 networks, 10,000 peers, 1,000 of them in one flood list.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    net::{Ipv4Addr, UdpSocket},
    os::fd::AsRawFd as _,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use nix::{
    cmsg_space, libc,
    sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt},
};
use tests::{
    netns::Namespace,
    packet::{BROADCAST, RawSocket, ethernet},
    process::{TIMEOUT, eventually},
    topology::{Instance, veth},
};

const NETWORKS: usize = 4000;
const PEERS: usize = 10_000;
/// Peers of the first network.
const MANY: usize = 1000;
/// A type that no stack answers (IEEE 802's local experimental one).
const EXPERIMENTAL: u16 = 0x88b5;

fn peer(number: usize) -> Ipv4Addr {
    Ipv4Addr::from(0xac14_0001 + number as u32)
}

/// A network's table, with peers of these numbers.
fn network(number: usize, peers: impl Iterator<Item = usize>) -> String {
    let peers: Vec<String> = peers.map(|n| format!("\"{}\"", peer(n))).collect();
    let (vni, peers) = (number + 1, peers.join(", "));
    format!("[[network]]\nname = \"n{number}\"\nvni = {vni}\npeers = [{peers}]\n")
}

/// A host on a wire to another namespace that has the addresses of all peers.
struct Place {
    host: Namespace,
    peers: Namespace,
}

impl Place {
    fn new() -> Result<Self> {
        let (host, peers) = (Namespace::new("h")?, Namespace::new("p")?);
        veth(&host, "up0", &peers, "up0")?;
        host.ip("addr add 172.31.0.1/24 dev up0\nroute add 172.20.0.0/16 via 172.31.0.2")?;
        peers.ip("addr add 172.31.0.2/24 dev up0\nroute add local 172.20.0.0/16 dev lo")?;
        Ok(Self { host, peers })
    }
}

/// The whole, less so many networks at the end.
fn config(less: usize) -> String {
    let mut text = "[host]\nuplinks = [\"up0\"]\n".to_owned();
    text.push_str(&network(0, 0..MANY));
    for number in 1..NETWORKS - less {
        // The others share what is left, in turn, so that each peer is in one at least.
        let own = (MANY..PEERS).skip(number - 1).step_by(NETWORKS - 1);
        text.push_str(&network(number, own));
    }
    text
}

fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let done = work()?;
    println!("{what}: {:.2} s", start.elapsed().as_secs_f64());
    Ok(done)
}

#[test]
fn thousands_of_networks_and_peers_start_reload_and_list() -> Result<()> {
    let place = Place::new()?;
    let mut instance = Instance::new(&place.host, &config(0))?;
    timed("start", || instance.start())?;
    let networks = timed("network show", || instance.json("network show"))?;
    ensure!(networks.len() == NETWORKS, "{} networks", networks.len());
    let first = instance.object("network show", "name", "n0")?;
    let peers = first["peers"].as_array().map_or(0, Vec::len);
    ensure!(peers == MANY, "{peers} peers of the first network");
    let peers = timed("peer show", || instance.json("peer show"))?;
    ensure!(peers.len() == PEERS, "{} peers", peers.len());
    timed("reload", || instance.cli("reload").map(drop))?;
    instance.write(&config(100))?;
    timed("reload without 100 networks", || {
        instance.cli("reload").map(drop)
    })?;
    let networks = instance.json("network show")?;
    ensure!(
        networks.len() == NETWORKS - 100,
        "{} networks",
        networks.len()
    );
    timed("network add", || {
        instance.cli("network add more --vni 9999").map(drop)
    })?;
    instance.stop()?;
    timed("start again", || instance.start())?;
    timed("stats", || instance.json("stats")).map(drop)
}

/// A socket on the peers' side that takes VXLAN for any of them, with room for all.
fn ear(peers: &Namespace) -> Result<UdpSocket> {
    let socket = peers.within(|| UdpSocket::bind("0.0.0.0:4789"))?;
    socket.set_nonblocking(true)?;
    setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    setsockopt(&socket, sockopt::RcvBufForce, &(16 << 20))?;
    Ok(socket)
}

/// The addresses that the frames which came went to.
fn arrived(socket: &UdpSocket) -> Result<Vec<Ipv4Addr>> {
    let mut addresses = Vec::new();
    let (mut octets, mut control) = ([0; 2048], cmsg_space!(libc::in_pktinfo));
    loop {
        let mut room = [std::io::IoSliceMut::new(&mut octets)];
        let flags = MsgFlags::empty();
        let fd = socket.as_raw_fd();
        let Ok(message) = recvmsg::<SockaddrIn>(fd, &mut room, Some(&mut control), flags) else {
            return Ok(addresses);
        };
        let is_ours = message.bytes == 8 + 60;
        for info in message.cmsgs()? {
            if let ControlMessageOwned::Ipv4PacketInfo(info) = info
                && is_ours
            {
                addresses.push(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)));
            }
        }
    }
}

#[test]
fn a_broadcast_arrives_at_a_thousand_peers() -> Result<()> {
    let place = Place::new()?;
    let container = Namespace::new("c")?;
    let mut text = "[host]\nuplinks = [\"up0\"]\n".to_owned();
    text.push_str(&network(0, 0..MANY));
    let name = container.name();
    writeln!(
        text,
        "[[network.port]]\nnetns = \"{name}\"\nname = \"eth0\""
    )?;
    let mut instance = Instance::new(&place.host, &text)?;
    instance.start()?;
    let ear = ear(&place.peers)?;
    let port = RawSocket::open(&container, "eth0")?;
    let frame = ethernet(BROADCAST, [2, 0, 0, 0, 0, 1], EXPERIMENTAL, &[0x5a; 46]);
    let everyone: BTreeSet<Ipv4Addr> = (0..MANY).map(peer).collect();
    // The first one finds the neighbour unresolved.
    for round in 0..4 {
        port.send(&frame)?;
        let mut came = Vec::new();
        let enough = eventually("every peer's frame", TIMEOUT / 10, || {
            came.extend(arrived(&ear)?);
            Ok(came.len() >= MANY)
        });
        sleep(Duration::from_millis(100));
        came.extend(arrived(&ear)?);
        let whom: BTreeSet<Ipv4Addr> = came.iter().copied().collect();
        println!(
            "broadcast {round}: {} frames at {} peers",
            came.len(),
            whom.len()
        );
        if round > 0 {
            enough?;
            ensure!(came.len() == MANY && whom == everyone);
        }
    }
    // What is sent at once waits in one CPU's backlog, which takes 1,000 frames by default.
    for _ in 0..3 {
        port.send(&frame)?;
    }
    sleep(Duration::from_secs(1));
    println!("three broadcasts at once: {} frames", arrived(&ear)?.len());
    Ok(())
}
