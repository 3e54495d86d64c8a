//! Loads of sockets: what applications in two containers get of what is between them.

mod connections;
mod latency;
mod segment;
mod sockets;
mod tcp;
mod udp;

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::measure::Measured;
use super::report::Unit;
use super::session::{Heading, Session};
use super::subject::Subject;
use crate::run::netns::Netns;
use crate::run::process;

/// The most connections of a round: fewer than there are l4 ports to translate to.
pub const MOST_CONNECTIONS: u16 = 16_000;
/// How long a table may take to be emptied.
const EMPTIED: Duration = Duration::from_secs(10);

/// Two containers, and what is between them.
pub struct Ends<'lab> {
    /// What is between them.
    pub subject: Subject,
    /// Who sends, or asks.
    pub from: &'lab Netns,
    /// Who receives, or answers.
    pub to: &'lab Netns,
    /// The loads that it is for, by the start of their ids; all by the empty one.
    pub loads: &'static str,
    /// Where sessions are kept, and the command that ends them all.
    pub forget: Option<(&'lab Netns, Vec<String>)>,
}

impl Ends<'_> {
    /// Ends all sessions: a round that opens some is not to find them again.
    pub fn forget(&self) -> Result<()> {
        let Some((host, command)) = &self.forget else {
            return Ok(());
        };
        process::run(host.command(&command[0]).args(&command[1..]), EMPTIED)?;
        Ok(())
    }
}

/// The ways of a topology, each with its own containers.
pub struct Ways<'lab> {
    /// The case.
    pub case: &'static str,
    /// Whom the others are compared with.
    pub reference: &'static str,
    /// The receivers' address, as senders know it.
    pub address: Ipv4Addr,
    /// The most octets of an IP packet.
    pub mtu: usize,
    /// All of them.
    pub ends: Vec<Ends<'lab>>,
}

/// The words about a value of a load.
#[derive(Debug, Clone, Copy)]
struct Words {
    id: &'static str,
    title: &'static str,
    unit: Unit,
}

/// What can be put between two ends again and again.
trait Load<const VALUES: usize = 1> {
    /// Its values over about this time.
    fn round(&self, time: Duration) -> Result<[f64; VALUES]>;
}

/// A load on the ends for which it was opened.
struct Opened<'lab, L> {
    subject: &'lab Subject,
    load: L,
}

impl<const VALUES: usize, L: Load<VALUES>> Measured<VALUES> for Opened<'_, L> {
    fn name(&self) -> &'static str {
        self.subject.name
    }

    fn round(&self, time: Duration) -> Result<[f64; VALUES]> {
        self.load.round(time).context(self.name())
    }

    fn instances(&self) -> Vec<String> {
        self.subject.instances.clone()
    }
}

/// Measures and prints all loads.
pub fn run(session: &Session<'_>, ways: &Ways<'_>) -> Result<()> {
    latency::run(session, ways)?;
    udp::run(session, ways)?;
    segment::run(session, ways)?;
    tcp::run(session, ways)?;
    connections::run(session, ways)
}

impl<'lab> Ways<'lab> {
    /// Opens a load on each of them, and measures them in turns.
    fn compare<const VALUES: usize, L: Load<VALUES>>(
        &'lab self,
        session: &Session<'_>,
        words: [Words; VALUES],
        open: impl Fn(&'lab Ends<'lab>) -> Result<L>,
    ) -> Result<()> {
        let case = self.case;
        let [ids, titles] = [
            words.map(|words| format!("{case}/{}", words.id)),
            words.map(|words| format!("{case}: {}", words.title)),
        ];
        if !session.wants(&ids[0]) {
            return Ok(());
        }
        let ends = self.ends.iter();
        let ends = ends.filter(|ends| words[0].id.starts_with(ends.loads));
        let opened = ends.map(|ends| {
            Ok(Opened {
                subject: &ends.subject,
                load: open(ends)?,
            })
        });
        let loads = opened.collect::<Result<Vec<_>>>()?;
        let measured: Vec<&dyn Measured<VALUES>> = loads.iter().map(|load| load as _).collect();
        let headings = std::array::from_fn(|value| Heading {
            id: &ids[value],
            title: &titles[value],
            unit: words[value].unit,
            reference: self.reference,
        });
        session.compare(headings, &measured)
    }
}
