//! `monitor`: events as they come.

use std::io::{self, Write};

use super::output::{self, Reader};
use super::{Failed, runtime};
use crate::client::Client;
use crate::events::Event;

/// Prints events, of a network or of all, until interrupted or until nobody reads them.
pub fn monitor(instance: &str, network: Option<&str>, json: bool) -> Result<(), Failed> {
    let path = match network {
        Some(name) => format!("/v1/networks/{name}/events"),
        None => "/v1/events".to_owned(),
    };
    let mut printed = Ok(Reader::Reads);
    let client = Client::new(instance);
    let followed = client.follow(&path, |line| {
        printed = output::write(|out| event(out, line, json));
        matches!(printed, Ok(Reader::Reads))
    });
    runtime()?.block_on(followed)?;
    printed.map(drop)
}

fn event(out: &mut dyn Write, line: &[u8], json: bool) -> io::Result<()> {
    if json {
        out.write_all(line)?;
        return writeln!(out);
    }
    let event: Event = serde_json::from_slice(line)?;
    writeln!(out, "{event}")
}
