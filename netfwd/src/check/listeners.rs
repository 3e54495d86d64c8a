//! Sockets that this host's own processes listen on.

use std::fs;
use std::net::{IpAddr, Ipv6Addr};

use super::{Finding, Severity};
use crate::address::{from_addr, to_addr};
use crate::config::{Config, Listen, Proto};

/// TCP in state LISTEN, and UDP that is not connected (include/net/tcp_states.h, as /proc shows them).
const LISTENING: [(Proto, &str); 2] = [(Proto::Tcp, "0A"), (Proto::Udp, "07")];

/// Publishes in front of a process of this host.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let sockets = sockets();
    let publishes = config
        .networks
        .iter()
        .flat_map(|network| &network.publishes);
    let hidden = publishes.filter_map(|publish| {
        let listen = publish.listen;
        let socket = sockets.iter().find(|socket| socket.is_hidden_by(&listen))?;
        let finding = format!(
            "a process of this host listens on l4 port {} as well, and is not reached there: what is \
             published goes first",
            socket.port
        );
        let remedy = "publish another port, or have the process listen on another one";
        let object = format!("publish {listen}");
        Some(Finding::new(Severity::Warning, &object, finding, remedy))
    });
    hidden.collect()
}

/// What a process listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) proto: Proto,
    pub(super) address: IpAddr,
    pub(super) port: u16,
    /// By which `/proc/PID/fd` tells whose it is.
    pub(super) inode: u64,
}

impl Socket {
    fn is_hidden_by(&self, listen: &Listen) -> bool {
        let (low, high) = listen.ports;
        let meets = match listen.address {
            // What is published on every address has the loopback's as well.
            None => true,
            Some(address) => self.address.is_unspecified() || self.address == address,
        };
        self.proto == listen.proto && (low..=high).contains(&self.port) && meets
    }
}

/// All of them, in this network namespace.
pub(super) fn sockets() -> Vec<Socket> {
    let files = LISTENING.into_iter().flat_map(|(proto, state)| {
        let families = ["", "6"].into_iter();
        families.map(move |family| (proto, state, format!("{}{family}", proto.name())))
    });
    let tables = files.map(|(proto, state, name)| {
        // A thread may be in another namespace than its process.
        let text = fs::read_to_string(format!("/proc/thread-self/net/{name}"));
        parse(proto, state, &text.unwrap_or_default())
    });
    tables.flatten().collect()
}

/// The sockets in this state of a table, whose second, fourth and tenth fields are address, state and inode.
fn parse(proto: Proto, state: &str, table: &str) -> Vec<Socket> {
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().take(10).collect();
        let [_, local, _, of, _, _, _, _, _, inode] = fields[..] else {
            return None;
        };
        let (address, port) = local.split_once(':')?;
        (of == state).then_some(Socket {
            proto,
            address: hex_address(address)?,
            port: u16::from_str_radix(port, 16).ok()?,
            inode: inode.parse().ok()?,
        })
    };
    table.lines().skip(1).filter_map(socket).collect()
}

/// An address as /proc shows it: words in the machine's order.
fn hex_address(text: &str) -> Option<IpAddr> {
    let words: Option<Vec<[u8; 4]>> = text
        .as_bytes()
        .chunks(8)
        .map(|word| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok())
        .map(|word| word.map(u32::to_ne_bytes))
        .collect();
    match words?[..] {
        [v4] => Some(IpAddr::from(v4)),
        [a, b, c, d] => {
            let octets: [u8; 16] = [a, b, c, d].concat().try_into().ok()?;
            Some(from_addr(&to_addr(Ipv6Addr::from(octets).into())))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::listen;

    /// Lines of Linux 6.18 on a little-endian machine.
    const TCP: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0
   1: 0163A8C0:0016 6463A8C0:C350 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4
";
    const TCP6: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0
";

    #[test]
    #[cfg(target_endian = "little")]
    fn who_listens_is_read() {
        let found = parse(Proto::Tcp, "0A", TCP);
        let local = Socket {
            proto: Proto::Tcp,
            address: IpAddr::from([127, 0, 0, 1]),
            port: 8080,
            inode: 1,
        };
        assert_eq!(found, [local]);
        let found = parse(Proto::Tcp, "0A", TCP6);
        assert_eq!((found.len(), found[0].port), (1, 80));
        assert!(found[0].address.is_unspecified());
        assert_eq!(parse(Proto::Tcp, "0A", "no table"), []);
    }

    #[test]
    fn the_same_port_and_address_is_hidden() {
        let listen = |text: &str| listen(text).expect("a listener");
        let socket = |address: [u8; 4]| Socket {
            proto: Proto::Tcp,
            address: address.into(),
            port: 8080,
            inode: 1,
        };
        let any = socket([0; 4]);
        let one = socket([192, 0, 2, 1]);
        for hiding in ["8080/tcp", "8000-8100/tcp", "192.0.2.1:8080/tcp"] {
            assert!(any.is_hidden_by(&listen(hiding)), "{hiding}");
            assert!(one.is_hidden_by(&listen(hiding)), "{hiding}");
        }
        for other in ["8080/udp", "8081/tcp", "192.0.2.2:8080/tcp"] {
            assert!(!one.is_hidden_by(&listen(other)), "{other}");
        }
    }
}
