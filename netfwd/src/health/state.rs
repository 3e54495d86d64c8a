//! Which peers are up: a function of probes sent and signs of life, without a clock or a socket.

use std::collections::BTreeMap;

use netfwd_common::addr::Addr;
use netfwd_common::maps::PeerFlags;

use crate::config::Probe;

/// What is known of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It was neither heard nor missed yet.
    #[default]
    Unknown,
    /// It was heard lately.
    Up,
    /// It missed too many probes: nothing is flooded to it.
    Down,
}

impl State {
    /// As the peer's entry has it.
    pub fn of(flags: PeerFlags) -> Self {
        match flags {
            flags if flags.has(PeerFlags::DOWN) => Self::Down,
            flags if flags.has(PeerFlags::UP) => Self::Up,
            _ => Self::Unknown,
        }
    }

    /// The flags of an entry, with this state instead of theirs.
    #[must_use]
    pub fn put_into(self, flags: PeerFlags) -> PeerFlags {
        let rest = flags.without(PeerFlags::UP).without(PeerFlags::DOWN);
        rest.with_if(PeerFlags::UP, self == Self::Up)
            .with_if(PeerFlags::DOWN, self == Self::Down)
    }
}

/// A peer whose state is another one now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its address.
    pub peer: Addr,
    /// What it was.
    pub from: State,
    /// What it is.
    pub to: State,
}

impl Change {
    /// Whether flooding to it begins or ends.
    pub fn is_of_flooding(&self) -> bool {
        (self.from == State::Down) != (self.to == State::Down)
    }
}

/// A peer that is probed.
#[derive(Clone, Copy, Debug)]
struct Probed {
    state: State,
    /// Probes since it was last heard.
    unanswered: u32,
    /// When the last one was sent; 0 for never.
    sent_ns: u64,
    /// When the next one is due.
    due_ns: u64,
}

/// The peers that are probed.
#[derive(Debug)]
pub(super) struct Peers {
    probe: Probe,
    peers: BTreeMap<Addr, Probed>,
}

impl Peers {
    /// None yet.
    pub(super) fn new(probe: Probe) -> Self {
        Self {
            probe,
            peers: BTreeMap::new(),
        }
    }

    /// Takes over who is to be probed; what was known of those that are new stands until they are
    /// heard or missed. Their first probes are spread over an interval.
    pub(super) fn follow(&mut self, wanted: &BTreeMap<Addr, State>, now: u64) {
        self.peers.retain(|peer, _| wanted.contains_key(peer));
        let new = wanted
            .iter()
            .filter(|(peer, _)| !self.peers.contains_key(*peer));
        let new: Vec<(Addr, State)> = new.map(|(peer, state)| (*peer, *state)).collect();
        let step = self.interval() / new.len().max(1) as u64;
        for ((peer, state), number) in new.into_iter().zip(0..) {
            let probed = Probed {
                state,
                unanswered: 0,
                sent_ns: 0,
                due_ns: now + step * number,
            };
            self.peers.insert(peer, probed);
        }
    }

    fn interval(&self) -> u64 {
        self.probe.interval.as_nanos() as u64
    }

    /// Those that are down.
    pub(super) fn down(&self) -> impl Iterator<Item = Addr> + '_ {
        let down = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.state == State::Down);
        down.map(|(address, _)| *address)
    }

    /// Whether any is waited for.
    pub(super) fn waits(&self) -> bool {
        self.peers.values().any(|peer| peer.unanswered != 0)
    }

    /// A sign of life of a peer at this time; one from before its last probe says nothing new.
    pub(super) fn heard(&mut self, peer: Addr, at_ns: u64) -> Option<Change> {
        let probed = self.peers.get_mut(&peer)?;
        if at_ns < probed.sent_ns {
            return None;
        }
        probed.unanswered = 0;
        let from = std::mem::replace(&mut probed.state, State::Up);
        let to = State::Up;
        (from != to).then_some(Change { peer, from, to })
    }

    /// The last probe could not be sent for a reason that says nothing of the peer.
    pub(super) fn unsent(&mut self, peer: &Addr) {
        if let Some(probed) = self.peers.get_mut(peer) {
            probed.unanswered = probed.unanswered.saturating_sub(1);
        }
    }

    /// The peers to probe now. Those that missed as many probes as they may are down.
    pub(super) fn due(&mut self, now: u64) -> (Vec<Addr>, Vec<Change>) {
        let (interval, failures) = (self.interval(), self.probe.failures);
        let (mut due, mut changes) = (Vec::new(), Vec::new());
        for (&peer, probed) in &mut self.peers {
            if probed.due_ns > now {
                continue;
            }
            let to = State::Down;
            if probed.unanswered >= failures && probed.state != to {
                let from = std::mem::replace(&mut probed.state, to);
                changes.push(Change { peer, from, to });
            }
            probed.unanswered = probed.unanswered.saturating_add(1);
            probed.sent_ns = now;
            // From now on, so that a host that slept does not send what it missed.
            probed.due_ns = now + interval;
            due.push(peer);
        }
        (due, changes)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const A: Addr = Addr::new([1; 16]);
    const B: Addr = Addr::new([2; 16]);

    fn peers(states: &[(Addr, State)]) -> Peers {
        let mut peers = Peers::new(Probe {
            interval: Duration::from_secs(10),
            failures: 3,
        });
        peers.follow(&states.iter().copied().collect(), 0);
        peers
    }

    /// The states at this second, after the probes that were due.
    fn at(peers: &mut Peers, second: u64) -> Vec<(Addr, State)> {
        let (_, changes) = peers.due(second * SECOND);
        changes
            .iter()
            .map(|change| (change.peer, change.to))
            .collect()
    }

    #[test]
    fn three_missed_probes_take_a_peer_down_and_one_answer_brings_it_back() {
        let mut peers = peers(&[(A, State::Unknown)]);
        for second in [0, 10, 20] {
            assert_eq!(at(&mut peers, second), [], "{second}");
        }
        assert_eq!(at(&mut peers, 30), [(A, State::Down)]);
        assert_eq!(at(&mut peers, 40), [], "it is told once");
        assert_eq!(peers.down().collect::<Vec<_>>(), [A]);
        let change = peers.heard(A, 41 * SECOND).expect("a change");
        assert_eq!((change.from, change.to), (State::Down, State::Up));
        assert!(change.is_of_flooding());
        assert_eq!(peers.heard(A, 42 * SECOND), None);
    }

    #[test]
    fn each_answer_begins_the_count_anew() {
        let mut peers = peers(&[(A, State::Up)]);
        for round in 0..10 {
            for second in [0, 10, 20] {
                assert_eq!(at(&mut peers, round * 30 + second), []);
            }
            assert_eq!(peers.heard(A, (round * 30 + 21) * SECOND), None);
        }
    }

    #[test]
    fn probes_that_may_not_be_sent_take_nobody_down() {
        let mut peers = peers(&[(A, State::Up)]);
        for second in [0, 10, 20, 30, 40] {
            assert_eq!(at(&mut peers, second), [], "{second}");
            peers.unsent(&A);
        }
    }

    #[test]
    fn traffic_from_before_the_probe_is_no_answer() {
        let mut peers = peers(&[(A, State::Down)]);
        at(&mut peers, 0);
        at(&mut peers, 10);
        assert_eq!(peers.heard(A, 9 * SECOND), None);
        assert!(peers.heard(A, 11 * SECOND).is_some());
    }

    #[test]
    fn what_was_known_before_a_restart_stands() {
        let mut peers = peers(&[(A, State::Up), (B, State::Down)]);
        assert_eq!(at(&mut peers, 0), [], "neither is judged at once");
        assert_eq!(peers.heard(A, SECOND), None, "it was up");
        assert_eq!(peers.down().collect::<Vec<_>>(), [B]);
    }

    #[test]
    fn first_probes_are_spread_and_then_keep_their_distance() {
        let many: Vec<_> = (0..10)
            .map(|n| (Addr::new([n; 16]), State::Unknown))
            .collect();
        let mut peers = peers(&many);
        for second in 0..20 {
            assert_eq!(peers.due(second * SECOND).0.len(), 1, "{second}");
        }
    }

    #[test]
    fn who_goes_is_forgotten() {
        let mut peers = peers(&[(A, State::Down), (B, State::Up)]);
        peers.follow(&BTreeMap::from([(B, State::Unknown)]), 0);
        assert_eq!(peers.down().count(), 0);
        assert_eq!(peers.heard(B, SECOND), None, "it is still up");
        assert_eq!(peers.heard(A, SECOND), None);
    }

    #[test]
    fn flags_hold_one_state_beside_others() {
        let group = PeerFlags::GROUP;
        for state in [State::Unknown, State::Up, State::Down] {
            let flags = state.put_into(State::Down.put_into(group));
            assert_eq!(State::of(flags), state);
            assert!(flags.has(group));
        }
    }
}
