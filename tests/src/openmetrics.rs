//! OpenMetrics text, read strictly.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use anyhow::{Context, Result, bail, ensure};

/// A sample: its labels by name, and its value.
type Samples = Vec<(BTreeMap<String, String>, f64)>;

/// A scrape that keeps to OpenMetrics 1.0: families by name, with their types.
#[derive(Debug, Default)]
pub struct Scrape {
    types: BTreeMap<String, String>,
    helps: BTreeMap<String, String>,
    samples: BTreeMap<String, Samples>,
}

impl Scrape {
    /// Reads a text, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        let mut scrape = Self::default();
        let body = text.strip_suffix("# EOF\n").context("no EOF at the end")?;
        for line in body.lines() {
            scrape.line(line).with_context(|| line.to_owned())?;
        }
        Ok(scrape)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        if let Some(rest) = line.strip_prefix("# ") {
            let (what, rest) = rest.split_once(' ').context("a comment")?;
            let (name, text) = rest.split_once(' ').context("a name and a text")?;
            let of = match what {
                "TYPE" => &mut self.types,
                "HELP" => &mut self.helps,
                other => bail!("{other} is not expected"),
            };
            let twice = of.insert(name.to_owned(), text.to_owned());
            ensure!(
                twice.is_none() && !text.is_empty(),
                "told twice, or nothing"
            );
            return Ok(());
        }
        let (series, value) = line.rsplit_once(' ').context("no value")?;
        let (name, labels) = match series.split_once('{') {
            Some((name, rest)) => (name, labels(rest.strip_suffix('}').context("a brace")?)?),
            None => (series, BTreeMap::new()),
        };
        let family = self.family(name)?;
        let samples = self.samples.entry(family).or_default();
        ensure!(
            samples.iter().all(|(other, _)| *other != labels),
            "told twice"
        );
        samples.push((labels, value.parse()?));
        Ok(())
    }

    /// The family of a sample, which was announced: counters end in `_total`, and nothing else does.
    fn family(&self, name: &str) -> Result<String> {
        let counter = name.strip_suffix("_total");
        let family = counter.unwrap_or(name);
        let kind = self.types.get(family).context("no TYPE before it")?;
        ensure!(self.helps.contains_key(family), "no HELP before it");
        ensure!((kind == "counter") == counter.is_some(), "{kind} {name}");
        Ok(family.to_owned())
    }

    /// The sum of the samples that have these labels.
    pub fn sum(&self, family: &str, wanted: &[(&str, &str)]) -> f64 {
        let has = |labels: &BTreeMap<String, String>| {
            let mut wanted = wanted.iter();
            wanted.all(|(name, value)| labels.get(*name).is_some_and(|own| own == value))
        };
        let samples = self.samples.get(family).into_iter().flatten();
        samples
            .filter(|(labels, _)| has(labels))
            .map(|(_, value)| value)
            .sum()
    }

    /// The same, of what is counted.
    pub fn count(&self, family: &str, wanted: &[(&str, &str)]) -> u64 {
        self.sum(family, wanted) as u64
    }

    /// Fails where a label is a MAC or an IP address.
    pub fn no_addresses(&self) -> Result<()> {
        for (labels, _) in self.samples.values().flatten() {
            for value in labels.values() {
                let mac = value.split(':').count() == 6;
                ensure!(
                    !mac && value.parse::<IpAddr>().is_err(),
                    "{value} is an address"
                );
                ensure!(
                    value.parse::<SocketAddr>().is_err(),
                    "{value} is an address"
                );
            }
        }
        Ok(())
    }
}

/// `a="b",c="d"`; no value of the tests has a quote or a comma.
fn labels(text: &str) -> Result<BTreeMap<String, String>> {
    let pairs = text.split(',').map(|pair| {
        let (name, value) = pair.split_once('=').context("a label")?;
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        Ok((name.to_owned(), value.context("quotes")?.to_owned()))
    });
    pairs.collect()
}
