//! Peers that are probed: one whose link is pulled is not flooded to until it answers again.

use std::{net::UdpSocket, thread::sleep, time::Duration};

use anyhow::{Result, ensure};
use tests::{
    netns::Namespace,
    packet::{BROADCAST, RawSocket, ethernet},
    process::{Running, TIMEOUT, eventually},
    topology::{Instance, veth},
};

/// A type that no stack answers (IEEE 802's local experimental one).
const EXPERIMENTAL: u16 = 0x88b5;
const STEADY: &str = "172.31.0.2";
const PULLED: &str = "172.31.1.2";

/// A host with a container, and two peers, each on a wire of its own.
struct Place {
    host: Namespace,
    container: Namespace,
    peers: [Namespace; 2],
    sockets: Vec<UdpSocket>,
}

impl Place {
    fn new() -> Result<Self> {
        let (host, container) = (Namespace::new("h")?, Namespace::new("c")?);
        let peers = [Namespace::new("p0")?, Namespace::new("p1")?];
        let mut sockets = Vec::new();
        for (number, peer) in peers.iter().enumerate() {
            veth(&host, &format!("up{number}"), peer, "up0")?;
            host.ip(&format!("addr add 172.31.{number}.1/24 dev up{number}"))?;
            peer.ip(&format!("addr add 172.31.{number}.2/24 dev up0"))?;
            let socket = peer.within(|| UdpSocket::bind("0.0.0.0:4789"))?;
            socket.set_nonblocking(true)?;
            sockets.push(socket);
        }
        // The VTEP that both see is on the first wire.
        peers[1].ip("route add 172.31.0.0/24 via 172.31.1.1")?;
        Ok(Self {
            host,
            container,
            peers,
            sockets,
        })
    }

    fn instance(&self) -> Result<Instance> {
        let container = self.container.name();
        let mut instance = Instance::new(
            &self.host,
            &format!(
                "[host]\nuplinks = [\"up0\", \"up1\"]\n[vxlan]\nprobe_interval = \"1s\"\n\
                 [[network]]\nname = \"blue\"\nvni = 200\npeers = [\"{STEADY}\", \"{PULLED}\"]\n\
                 [[network.port]]\nnetns = \"{container}\"\nname = \"eth0\"\n"
            ),
        )?;
        instance.start()?;
        Ok(instance)
    }

    /// Sends broadcasts from the container; gives how many arrived at each peer, of those alone.
    fn flood(&self, count: usize) -> Result<[usize; 2]> {
        self.arrived();
        let port = RawSocket::open(&self.container, "eth0")?;
        let frame = ethernet(BROADCAST, [2, 0, 0, 0, 0, 1], EXPERIMENTAL, &[0x5a; 46]);
        for _ in 0..count {
            port.send(&frame)?;
        }
        sleep(Duration::from_millis(300));
        Ok(self.arrived())
    }

    /// The marked frames that have arrived at each peer since the last call.
    fn arrived(&self) -> [usize; 2] {
        let count = |socket: &UdpSocket| {
            let mut buffer = [0; 2048];
            let frames = std::iter::from_fn(|| socket.recv(&mut buffer).ok());
            // VXLAN's header, and the frame.
            frames.filter(|len| *len == 8 + 60).count()
        };
        [count(&self.sockets[0]), count(&self.sockets[1])]
    }
}

fn state(instance: &Instance, peer: &str) -> Result<String> {
    let row = instance.object("peer show", "address", peer)?;
    Ok(row["state"].as_str().unwrap_or_default().to_owned())
}

fn becomes(instance: &Instance, peer: &str, wanted: &str) -> Result<()> {
    let what = format!("{peer} {wanted}");
    eventually(&what, TIMEOUT, || {
        sleep(Duration::from_millis(100));
        Ok(state(instance, peer)? == wanted)
    })
}

fn monitor(place: &Place, instance: &Instance) -> Result<Running> {
    let binary = tests::built::netfwd()?;
    let line = format!("{} -N {} -j monitor", binary.display(), instance.name());
    place.host.spawn(&line)
}

#[test]
fn a_peer_whose_link_is_pulled_is_not_flooded_to_until_it_is_back() -> Result<()> {
    let place = Place::new()?;
    let instance = place.instance()?;
    let mut monitor = monitor(&place, &instance)?;
    for peer in [STEADY, PULLED] {
        becomes(&instance, peer, "up")?;
    }
    ensure!(place.flood(5)? == [5, 5]);
    place.peers[1].ip("link set up0 down")?;
    monitor.wait_for("peer-down", TIMEOUT)?;
    ensure!(state(&instance, PULLED)? == "down" && state(&instance, STEADY)? == "up");
    let before = sent(&instance)?;
    ensure!(place.flood(5)? == [5, 0]);
    ensure!(sent(&instance)? == before, "frames were flooded to it");
    place.peers[1].ip("link set up0 up\nroute replace 172.31.0.0/24 via 172.31.1.1")?;
    monitor.wait_for("peer-up", TIMEOUT)?;
    ensure!(place.flood(5)? == [5, 5]);
    let text = monitor.stdout();
    let told = |kind: &str| text.matches(kind).count();
    ensure!(told("peer-down") == 1 && told("peer-up") == 1, "{text}");
    Ok(())
}

/// Frames that were sent to the peer whose link is pulled.
fn sent(instance: &Instance) -> Result<Option<u64>> {
    let row = instance.object("peer show", "address", PULLED)?;
    Ok(row["tx_packets"].as_u64())
}

#[test]
fn a_restart_changes_nobody_s_state() -> Result<()> {
    let place = Place::new()?;
    let mut instance = place.instance()?;
    becomes(&instance, STEADY, "up")?;
    place.peers[1].ip("link set up0 down")?;
    becomes(&instance, PULLED, "down")?;
    instance.stop()?;
    ensure!(state(&instance, PULLED)? == "down", "without the daemon");
    instance.start()?;
    let mut monitor = monitor(&place, &instance)?;
    for _ in 0..40 {
        ensure!(state(&instance, PULLED)? == "down" && state(&instance, STEADY)? == "up");
        sleep(Duration::from_millis(100));
    }
    ensure!(place.flood(3)? == [3, 0]);
    ensure!(monitor.is_alive() && !monitor.stdout().contains("peer-"));
    Ok(())
}

#[test]
fn without_probes_nothing_is_known_any_more() -> Result<()> {
    let place = Place::new()?;
    let mut instance = place.instance()?;
    place.peers[1].ip("link set up0 down")?;
    becomes(&instance, PULLED, "down")?;
    let config = instance.config()?.replace("probe_interval = \"1s\"", "");
    instance.reload(&config)?;
    becomes(&instance, PULLED, "unknown")?;
    place.peers[1].ip("link set up0 up\nroute replace 172.31.0.0/24 via 172.31.1.1")?;
    eventually("flooding to it again", TIMEOUT, || {
        Ok(place.flood(3)? == [3, 3])
    })
}
