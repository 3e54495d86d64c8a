//! ICMP echo between namespaces.

use std::fmt;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::netns::Netns;
use super::process;

/// What `ping` summed up.
#[derive(Debug, PartialEq)]
pub struct Pings {
    /// Requests sent.
    pub sent: u32,
    /// Replies, each counted once.
    pub received: u32,
    /// Replies that came again.
    pub duplicates: u32,
    /// Mean round trip in milliseconds, where there was a reply.
    pub round_trip: Option<f64>,
}

impl Pings {
    /// Fails unless every request had exactly one reply.
    pub fn lossless(self) -> Result<Self> {
        if self.sent == 0 || self.received != self.sent || self.duplicates > 0 {
            bail!("{self}");
        }
        Ok(self)
    }
}

impl fmt::Display for Pings {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} sent, {} lost", self.sent, self.sent - self.received)?;
        if self.duplicates > 0 {
            write!(f, ", {} duplicates", self.duplicates)?;
        }
        self.round_trip
            .map_or(Ok(()), |mean| write!(f, ", round trip {mean:.3} ms"))
    }
}

/// A `ping` from a namespace that gives up on a reply after a second.
pub fn command(from: &Netns, to: Ipv4Addr, options: &str) -> Command {
    let mut command = from.command("ping");
    command
        .args(["-n", "-W", "1"])
        .args(options.split_whitespace())
        .arg(to.to_string());
    command
}

/// Pings with these options, and sums up.
pub fn ping(from: &Netns, to: Ipv4Addr, options: &str) -> Result<Pings> {
    let done = process::finish(
        command(from, to, options).arg("-q"),
        Duration::from_secs(20),
    )?;
    parse(&done.stdout).with_context(|| done.stderr.trim().to_owned())
}

/// Reads the summary of `ping`.
pub fn parse(output: &str) -> Result<Pings> {
    let summary = output
        .lines()
        .find(|line| line.contains(" packets transmitted, "))
        .context("`ping` printed no summary")?;
    let number = |word: &str| {
        let part = summary.split(", ").find(|part| part.contains(word))?;
        part.trim_start_matches('+').split(' ').next()?.parse().ok()
    };
    Ok(Pings {
        sent: number("transmitted").context("`ping` did not say what it sent")?,
        received: number("received").context("`ping` did not say what it received")?,
        duplicates: number("duplicates").unwrap_or(0),
        round_trip: mean(output),
    })
}

/// The mean of `rtt min/avg/max/mdev = 0.031/0.042/…`.
fn mean(output: &str) -> Option<f64> {
    let line = output.lines().find(|line| line.starts_with("rtt "))?;
    line.split(" = ").nth(1)?.split('/').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_with_loss_and_duplicates() {
        let output = "--- 10.0.3.12 ping statistics ---\n\
            20 packets transmitted, 19 received, +2 duplicates, 5% packet loss, time 195ms\n\
            rtt min/avg/max/mdev = 0.030/0.042/0.071/0.009 ms\n";
        let pings = parse(output).unwrap();
        assert_eq!(
            pings,
            Pings {
                sent: 20,
                received: 19,
                duplicates: 2,
                round_trip: Some(0.042)
            }
        );
        assert!(pings.lossless().is_err());
    }

    #[test]
    fn summary_without_a_reply() {
        let pings =
            parse("3 packets transmitted, 0 received, 100% packet loss, time 2ms\n").unwrap();
        assert_eq!(pings.round_trip, None);
        assert_eq!(pings.to_string(), "3 sent, 3 lost");
    }
}
