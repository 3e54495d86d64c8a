//! What processes and operators see of TCP: each probe looks at a connection that goes its own way and at
//! one whose sockets are led past the network, and tells both. Where the words differ, the shortcut is seen.

mod calls;
mod network;
mod stream;

use std::io::{Read as _, Write as _};
use std::thread;

use anyhow::{Context as _, Result};

use super::connection::Connection;
use super::place::Place;
use super::programs::Shortcut;
use crate::run::interrupt;
use crate::run::report::{bold, say};

/// What is transferred where counters are looked at.
const LENGTH: usize = 1 << 20;

/// One thing to look at.
pub struct Probe {
    /// What is looked at.
    what: &'static str,
    /// Looks at it and says what is seen, in the same words whenever the same is seen.
    look: fn(&Place<'_>, Option<&Shortcut>) -> Result<String>,
}

/// Asks every probe at a place and at the same place with a shortcut: first the wires, then those where
/// netfwd decides.
pub fn ask(wires: [&Place<'_>; 2], netfwds: [&Place<'_>; 2]) -> Result<()> {
    say("");
    say(bold("what processes and operators see of a connection"));
    let asked = [
        (stream::PROBES, wires),
        (calls::PROBES, wires),
        (network::PROBES, wires),
        (network::OF_NETFWD, netfwds),
    ];
    let (mut differences, mut all) = (0, 0);
    for (probes, places) in asked {
        for probe in probes {
            interrupt::check()?;
            differences += usize::from(probe.differs(places)?);
            all += 1;
        }
    }
    say(format_args!(
        "{differences} of {all} probes saw a difference"
    ));
    Ok(())
}

impl Probe {
    fn differs(&self, places: [&Place<'_>; 2]) -> Result<bool> {
        let [plain, shortcut] = places.map(|place| {
            let seen = place.with(|shortcut| (self.look)(place, shortcut));
            seen.with_context(|| self.what.to_owned())
        });
        let (plain, shortcut) = (plain?, shortcut?);
        let mark = if plain == shortcut { "same" } else { "DIFFERS" };
        say(format_args!("{mark:<8}{}", self.what));
        say(format_args!("        TCP       {plain}"));
        say(format_args!("        shortcut  {shortcut}"));
        Ok(plain != shortcut)
    }
}

/// What a system call returned, or the name of its failure.
fn outcome(result: nix::Result<usize>) -> String {
    match result {
        Ok(octets) => format!("{octets} octets"),
        Err(error) => format!("{error:?}"),
    }
}

/// Writes `LENGTH` octets at one end and reads them at the other.
fn transfer(connection: &Connection) -> Result<()> {
    let (mut client, mut server) = (&connection.client, &connection.server);
    let mut octets = vec![0; LENGTH];
    thread::scope(|scope| {
        let reader = scope.spawn(|| server.read_exact(&mut octets));
        client.write_all(&vec![7; LENGTH])?;
        reader.join().ok().context("the reader panicked")??;
        Ok(())
    })
}

/// Whether a count holds what was transferred.
fn of_all(octets: u64) -> &'static str {
    let all = octets >= LENGTH as u64;
    if all { "all" } else { "none of it" }
}
