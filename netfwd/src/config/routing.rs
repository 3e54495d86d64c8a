//! `[routing]`: which networks reach each other through their gateways.

use super::overlap::unique;
use super::reader::{Keys, Section, Value};
use super::sections::{choice, name};
use super::{Config, ConfigError, Place};

/// What a pair is in errors.
const PAIR: &str = "an array of two different networks, such as [\"blue\", \"green\"]";

/// `[routing]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// Whether networks reach each other where no pair says otherwise.
    pub between: bool,
    /// What differs from that, or repeats it.
    pub pairs: Vec<RoutedPair>,
}

/// Two networks, and whether they reach each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutedPair {
    /// Their names, in the order of the alphabet.
    pub networks: (String, String),
    /// Whether they do.
    pub allowed: bool,
    /// Where it stands.
    pub place: Place,
}

/// `[routing]`.
pub(super) fn routing(section: &Section<'_>) -> Result<Routing, ConfigError> {
    section.only(&Keys {
        accepted: &["between", "allow", "deny"],
        later: &[],
    })?;
    let mut pairs = section.or("allow", Vec::new(), |value| self::pairs(value, true))?;
    pairs.extend(section.or("deny", Vec::new(), |value| self::pairs(value, false))?);
    Ok(Routing {
        between: section.or("between", false, |value| choice(value, "allow", "deny"))?,
        pairs,
    })
}

fn pairs(value: &Value<'_>, allowed: bool) -> Result<Vec<RoutedPair>, ConfigError> {
    let list = value.list()?;
    list.iter().map(|value| pair(value, allowed)).collect()
}

fn pair(value: &Value<'_>, allowed: bool) -> Result<RoutedPair, ConfigError> {
    let list = value.list().map_err(|_| value.refuse(PAIR))?;
    let [one, other] = list.as_slice() else {
        return Err(value.refuse(PAIR));
    };
    let (one, other) = (name(one)?, name(other)?);
    if one == other {
        return Err(value.refuse(PAIR));
    }
    Ok(RoutedPair {
        networks: if one < other {
            (one, other)
        } else {
            (other, one)
        },
        allowed,
        place: value.place(),
    })
}

/// Refuses pairs of networks that do not exist, and what is said twice.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let known = |name: &String| config.networks.iter().any(|network| network.name == *name);
    for pair in &config.routing.pairs {
        let (one, other) = &pair.networks;
        if let Some(name) = [one, other].into_iter().find(|name| !known(name)) {
            let message =
                format!("network {name} of [routing] does not exist; add it, or correct the name");
            return Err(ConfigError::new(&pair.place, message));
        }
    }
    let pairs = config.routing.pairs.iter();
    let named = pairs.map(|pair| {
        let (one, other) = &pair.networks;
        (format!("of {one} and {other}"), &pair.place)
    });
    unique("pair", named)
}
