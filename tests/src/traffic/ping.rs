//! ICMP echoes by the system's ping.

use std::{fmt::Write, net::IpAddr, time::Duration};

use anyhow::{Context, Result, ensure};

use crate::{netns::Namespace, process::Output};

/// What to send.
#[derive(Clone, Copy, Debug)]
pub struct Ping {
    /// How many echoes.
    pub count: u32,
    /// Time between two.
    pub interval: Duration,
    /// Octets of the IP packet; 28 of them are headers.
    pub size: usize,
    /// Sets DF: a packet that does not fit is refused or lost, not fragmented.
    pub dont_fragment: bool,
    /// How long the last reply is waited for.
    pub patience: Duration,
}

impl Default for Ping {
    fn default() -> Self {
        Self {
            count: 3,
            interval: Duration::from_millis(10),
            size: 84,
            dont_fragment: false,
            patience: Duration::from_secs(2),
        }
    }
}

impl Ping {
    /// So many echoes.
    pub fn count(count: u32) -> Self {
        Self {
            count,
            ..Self::default()
        }
    }

    /// Echoes in IP packets of so many octets that must not be fragmented.
    pub fn whole(size: usize) -> Self {
        Self {
            size,
            dont_fragment: true,
            ..Self::default()
        }
    }

    /// With another time between two.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The command line, for tests that run it in the background.
    pub fn line(&self, to: IpAddr) -> String {
        const HEADERS: usize = 28;
        let (count, size) = (self.count, self.size - HEADERS);
        let interval = self.interval.as_secs_f64();
        let mut line = format!("ping -n -q -c {count} -i {interval} -s {size}");
        // Writing to a string cannot fail.
        let _ = write!(line, " -W {}", self.patience.as_secs_f64());
        if self.dont_fragment {
            line.push_str(" -M do");
        }
        format!("{line} {to}")
    }

    fn limit(&self) -> Duration {
        self.interval * self.count + self.patience + Duration::from_secs(20)
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Report {
    /// Echoes sent.
    pub sent: u32,
    /// Replies received, each once.
    pub received: u32,
    /// Replies received once more.
    pub duplicates: u32,
    /// All that ping said.
    pub output: Output,
}

impl Report {
    /// Reads ping's summary.
    pub fn read(output: Output) -> Result<Self> {
        let summary = output
            .stdout
            .lines()
            .find(|line| line.contains("packets transmitted"));
        let summary = summary.with_context(|| format!("no summary: {output}"))?;
        let number = |word: &str| -> Option<u32> {
            let field = summary.split(", ").find(|field| field.contains(word))?;
            field
                .trim_start_matches('+')
                .split(' ')
                .next()?
                .parse()
                .ok()
        };
        let counted = number("transmitted")
            .zip(number("received"))
            .context("ping's summary")?;
        let duplicates = number("duplicates").unwrap_or(0);
        Ok(Self {
            sent: counted.0,
            received: counted.1,
            duplicates,
            output,
        })
    }

    /// An error unless every echo came back, once.
    pub fn complete(self) -> Result<Self> {
        let whole = self.received == self.sent && self.duplicates == 0 && self.sent > 0;
        ensure!(whole, "replies are missing or doubled: {}", self.output);
        Ok(self)
    }

    /// An error unless no echo came back.
    pub fn none(self) -> Result<Self> {
        ensure!(self.received == 0, "replies came: {}", self.output);
        Ok(self)
    }
}

/// Pings an address from a namespace.
pub fn ping(from: &Namespace, to: impl Into<IpAddr>, ping: Ping) -> Result<Report> {
    Report::read(from.attempt_within(&ping.line(to.into()), ping.limit())?)
}
