//! Families of figures, as OpenMetrics text.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text::encode};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// A label and its value.
pub(super) type Label = (&'static str, String);

/// Figures of one name.
#[derive(Debug)]
pub(super) struct Family {
    /// The name, of counters without `_total`.
    pub(super) name: &'static str,
    /// What it counts, as a sentence.
    pub(super) help: &'static str,
    /// Its figures, with different labels each.
    pub(super) figures: Figures,
}

/// Figures of one type.
#[derive(Debug)]
pub(super) enum Figures {
    /// What only grows.
    Counters(Vec<(Vec<Label>, u64)>),
    /// What grows and shrinks.
    Gauges(Vec<(Vec<Label>, f64)>),
}

#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|family| family.write(&mut encoder))
    }
}

impl Family {
    fn write(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (name, help) = (self.name, self.help);
        match &self.figures {
            Figures::Counters(figures) => {
                let mut metric =
                    encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
                let mut figures = figures.iter();
                figures.try_for_each(|(labels, value)| {
                    figure(&mut metric, labels, |metric| {
                        metric.encode_counter::<NoLabelSet, _, u64>(value, None)
                    })
                })
            }
            Figures::Gauges(figures) => {
                let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
                let mut figures = figures.iter();
                figures.try_for_each(|(labels, value)| {
                    figure(&mut metric, labels, |metric| metric.encode_gauge(value))
                })
            }
        }
    }
}

/// A label without a value is one that is absent.
fn figure(
    metric: &mut MetricEncoder<'_>,
    labels: &[Label],
    write: impl Fn(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    let labels: Vec<(&str, &str)> = labels
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    if labels.is_empty() {
        return write(metric);
    }
    write(&mut metric.encode_family(&labels)?)
}

/// The text.
pub(super) fn text(families: Vec<Family>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(families)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_told_once_and_labels_are_escaped() {
        let labels = vec![("network", "a\"b\\".to_owned()), ("port", String::new())];
        let families = vec![
            Family {
                name: "netfwd_packets",
                help: "Frames.",
                figures: Figures::Counters(vec![(labels, 7), (Vec::new(), 8)]),
            },
            Family {
                name: "netfwd_ratio",
                help: "A part.",
                figures: Figures::Gauges(vec![(Vec::new(), 0.5)]),
            },
        ];
        let expected = "# HELP netfwd_packets Frames.\n# TYPE netfwd_packets counter\n\
            netfwd_packets_total{network=\"a\\\"b\\\\\"} 7\nnetfwd_packets_total 8\n\
            # HELP netfwd_ratio A part.\n# TYPE netfwd_ratio gauge\nnetfwd_ratio 0.5\n# EOF\n";
        assert_eq!(text(families).expect("text"), expected);
    }
}
