//! `monitor`: events as they come.

use std::io::{self, Write as _};

use super::{Failed, runtime};
use crate::client::Client;
use crate::events::Event;

/// Prints events, of a network or of all, until interrupted or until nobody reads them.
pub fn monitor(instance: &str, network: Option<&str>, json: bool) -> Result<(), Failed> {
    let path = match network {
        Some(name) => format!("/v1/networks/{name}/events"),
        None => "/v1/events".to_owned(),
    };
    let mut printed = Ok(());
    let client = Client::new(instance);
    let followed = client.follow(&path, |line| {
        printed = print(line, json);
        printed.is_ok()
    });
    runtime()?.block_on(followed)?;
    match printed {
        // A reader that has seen enough, as `head` has, is no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failed::new(error)),
        _ => Ok(()),
    }
}

/// Prints an event at once: whoever reads waits for it.
fn print(line: &[u8], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        out.write_all(line)?;
        writeln!(out)?;
    } else {
        let event: Event = serde_json::from_slice(line)?;
        writeln!(out, "{event}")?;
    }
    out.flush()
}
