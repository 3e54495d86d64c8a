//! The search for the MTU of a path: which size to try next.

/// What every path carries whole: IPv4 hosts must take 576 octets (RFC 791 §3.1), IPv6 links 1,280
/// (RFC 8200 §5).
pub(super) const fn least(is_v4: bool) -> u32 {
    if is_v4 { 576 } else { 1280 }
}

/// How often a size is tried before it counts as lost: the first one, on which whether anything answers
/// depends, and the others.
const FIRST_TRIES: u32 = 3;
const TRIES: u32 = 2;

/// A search, by echo requests that nobody may fragment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Search {
    /// The largest size that arrived, 0 for none.
    arrived: u32,
    /// The largest size that may arrive.
    most: u32,
    /// The size that is tried now.
    size: u32,
    /// How often it was.
    tries: u32,
}

impl Search {
    /// A search from a size that must arrive up to the largest that this host can send.
    pub(super) fn new(least: u32, most: u32) -> Self {
        Self {
            arrived: 0,
            most: most.max(least),
            size: least,
            tries: 0,
        }
    }

    /// The size to try now; none at the end.
    pub(super) fn size(&self) -> Option<u32> {
        (self.arrived < self.most).then_some(self.size)
    }

    /// The largest size that arrived; none where nothing did.
    pub(super) fn found(&self) -> Option<u32> {
        (self.arrived != 0).then_some(self.arrived)
    }

    /// The size arrived. The largest is tried at once: most paths carry it.
    pub(super) fn arrives(&mut self) {
        let first = self.arrived == 0;
        self.arrived = self.size;
        let next = if first { self.most } else { self.middle() };
        self.go_on(next);
    }

    /// The size is too big; for this MTU, where that is known.
    pub(super) fn is_too_big(&mut self, mtu: Option<u32>) {
        self.most = self.size - 1;
        match mtu.filter(|mtu| (self.arrived + 1..=self.most).contains(mtu)) {
            Some(mtu) => {
                self.most = mtu;
                self.go_on(mtu);
            }
            None => self.go_on(self.middle()),
        }
    }

    /// No answer came in time.
    pub(super) fn is_lost(&mut self) {
        self.tries += 1;
        if self.arrived == 0 && self.tries >= FIRST_TRIES {
            self.most = 0;
        } else if self.arrived != 0 && self.tries >= TRIES {
            self.is_too_big(None);
        }
    }

    fn middle(&self) -> u32 {
        self.arrived + (self.most - self.arrived).div_ceil(2)
    }

    fn go_on(&mut self, size: u32) {
        (self.size, self.tries) = (size, 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs a search over a path; gives what was found and how many probes it took.
    fn run(mtu: u32, most: u32, says: impl Fn(u32) -> Option<Option<u32>>) -> (Option<u32>, u32) {
        let (mut search, mut probes) = (Search::new(576, most), 0);
        while let Some(size) = search.size() {
            probes += 1;
            match says(size) {
                _ if size <= mtu => search.arrives(),
                Some(named) => search.is_too_big(named),
                None => search.is_lost(),
            }
        }
        (search.found(), probes)
    }

    #[test]
    fn a_wide_path_takes_two_probes() {
        assert_eq!(run(1500, 1500, |_| None), (Some(1500), 2));
        assert_eq!(run(9000, 576, |_| None), (Some(576), 1));
    }

    #[test]
    fn a_router_that_names_its_mtu_is_believed_once_that_arrives() {
        assert_eq!(run(1400, 1500, |_| Some(Some(1400))), (Some(1400), 3));
        let (found, probes) = run(1400, 1500, |_| Some(Some(9000)));
        assert_eq!(found, Some(1400), "nonsense is not believed");
        assert!(probes <= 12, "{probes}");
    }

    #[test]
    fn what_never_answers_is_given_up() {
        assert_eq!(run(0, 1500, |_| None), (None, 3));
    }

    proptest! {
        #[test]
        fn a_black_hole_is_measured_to_the_octet(mtu in 576_u32..9000, most in 576_u32..9000) {
            let (found, probes) = run(mtu, most, |_| None);
            prop_assert_eq!(found, Some(mtu.min(most)));
            prop_assert!(probes <= 2 + 2 * 14, "{} probes", probes);
        }
    }
}
