//! Measuring the paths to many addresses at a time.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::search::{self, Search};
use crate::echo::{Echo, Heard, Tag};

/// Addresses that are measured at a time.
const AT_ONCE: usize = 64;
/// How long the first answer is waited for; afterwards, some times as long as that took.
const FIRST: Duration = Duration::from_millis(400);
const SHORTEST: Duration = Duration::from_millis(100);
/// How often is looked for answers.
const LOOK: Duration = Duration::from_millis(3);

/// What was found of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Packets of so many octets arrive, larger ones do not, or cannot leave this host.
    Mtu(u32),
    /// Nothing answers.
    Silent,
    /// Nothing can be sent there, for this reason.
    Unsendable(String),
}

/// An address that is being measured.
struct Run {
    search: Search,
    patience: Duration,
    /// The probe that is on its way.
    sequence: u16,
    sent: Instant,
}

/// The addresses of one family, of which some are being measured.
pub(super) struct Measurement {
    echo: Echo,
    id: u16,
    sequence: u16,
    most: u32,
    left: VecDeque<IpAddr>,
    runs: BTreeMap<IpAddr, Run>,
    found: BTreeMap<IpAddr, Found>,
}

/// Measures the paths to addresses of one family from a host whose largest packet has `most` octets.
pub(super) async fn measure(
    peers: VecDeque<IpAddr>,
    most: u32,
) -> io::Result<BTreeMap<IpAddr, Found>> {
    let Some(first) = peers.front() else {
        return Ok(BTreeMap::new());
    };
    let mut measurement = Measurement {
        echo: Echo::towards(*first)?,
        id: std::process::id() as u16,
        sequence: 0,
        most,
        left: peers,
        runs: BTreeMap::new(),
        found: BTreeMap::new(),
    };
    while measurement.go_on() {
        sleep(LOOK).await;
    }
    Ok(measurement.found)
}

impl Measurement {
    /// Hears what came, and sends what is due; whether anything is left to be found.
    fn go_on(&mut self) -> bool {
        self.hear();
        self.give_up_waiting();
        while self.runs.len() < AT_ONCE
            && let Some(peer) = self.left.pop_front()
        {
            let search = Search::new(search::least(peer.is_ipv4()), self.most);
            let (patience, sent) = (FIRST, Instant::now());
            let run = Run {
                search,
                patience,
                sequence: 0,
                sent,
            };
            self.runs.insert(peer, run);
            self.send(peer);
        }
        !self.runs.is_empty()
    }

    fn hear(&mut self) {
        let mut heard = Vec::new();
        self.echo.hear(|one| heard.push(one));
        for one in heard {
            let (peer, tag) = match one {
                Heard::Answer { from, tag } => (from, tag),
                Heard::TooBig { to, tag, .. } => (to, tag),
            };
            let run = self.runs.get_mut(&peer);
            // What comes late is of a probe that was given up.
            let Some(run) = run.filter(|run| tag.id == self.id && tag.sequence == run.sequence)
            else {
                continue;
            };
            match one {
                Heard::Answer { .. } => {
                    run.search.arrives();
                    run.patience = (run.sent.elapsed() * 4).clamp(SHORTEST, FIRST);
                }
                Heard::TooBig { mtu, .. } => run.search.is_too_big(mtu),
            }
            self.send(peer);
        }
    }

    fn give_up_waiting(&mut self) {
        let late = |run: &Run| run.sent.elapsed() > run.patience;
        let late: Vec<IpAddr> = self
            .runs
            .iter()
            .filter_map(|(peer, run)| late(run).then_some(*peer))
            .collect();
        for peer in late {
            if let Some(run) = self.runs.get_mut(&peer) {
                run.search.is_lost();
            }
            self.send(peer);
        }
    }

    /// Sends the next probe to an address, or notes what was found.
    fn send(&mut self, peer: IpAddr) {
        let Some(run) = self.runs.get_mut(&peer) else {
            return;
        };
        let mut found = None;
        while let (None, Some(size)) = (&found, run.search.size()) {
            self.sequence = self.sequence.wrapping_add(1);
            let tag = Tag {
                id: self.id,
                sequence: self.sequence,
            };
            match self.echo.send(peer, tag, size as usize) {
                Ok(()) => {
                    (run.sequence, run.sent) = (self.sequence, Instant::now());
                    return;
                }
                Err(error) if error.raw_os_error() == Some(nix::libc::EMSGSIZE) => {
                    run.search.is_too_big(None);
                }
                Err(error) => found = Some(Found::Unsendable(error.to_string())),
            }
        }
        let end = run.search.found().map_or(Found::Silent, Found::Mtu);
        self.found.insert(peer, found.unwrap_or(end));
        self.runs.remove(&peer);
    }
}
