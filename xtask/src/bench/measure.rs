//! Interleaved rounds over several paths.

use std::time::Duration;

use anyhow::Result;

use super::progress::Step;
use super::surroundings::{Surroundings, Watch};
use crate::run::interrupt;

/// How often and how long each path is measured.
#[derive(Debug, Clone, Copy)]
pub struct Rounds {
    /// How often.
    pub count: u32,
    /// How long at a time.
    pub each: Duration,
}

/// Something that can be measured again and again, and has so many values each time.
pub trait Measured<const VALUES: usize = 1> {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Its values over about this time.
    fn round(&self, time: Duration) -> Result<[f64; VALUES]>;

    /// The instances of netfwd that the load goes through, in its order, whose programs' time is to be
    /// told.
    fn instances(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What was found of each that was measured: the values of each round.
pub type Found<const VALUES: usize> = Vec<Vec<[f64; VALUES]>>;

/// Measures in turns.
pub fn interleaved<const VALUES: usize>(
    all: &[&dyn Measured<VALUES>],
    rounds: Rounds,
    step: &Step<'_>,
) -> Result<Found<VALUES>> {
    Ok(watched(all, rounds, step)?.0)
}

/// Measures in turns, and tells what else the machine did meanwhile. Rounds in which it did much are
/// measured again, up to a third of them, and the quietest are kept: what is chosen by is nothing that
/// the measured have a part in.
pub fn watched<const VALUES: usize>(
    all: &[&dyn Measured<VALUES>],
    rounds: Rounds,
    step: &Step<'_>,
) -> Result<(Found<VALUES>, Surroundings)> {
    let count = rounds.count as usize;
    let mut done: Vec<Round<VALUES>> = Vec::new();
    let quiet = |done: &[Round<VALUES>]| done.iter().filter(|one| one.around.is_quiet()).count();
    // Of three or fewer none is: a quick run is to be quick.
    while quiet(&done) < count && done.len() < count + (count - 1) / 3 {
        let share = done.len().min(count) as f64 / count as f64;
        let number = done.len() + 1;
        let telling = |name: &str| step.note(share, format_args!("round {number}/{count}, {name}"));
        let first = done.len() % all.len().max(1);
        done.push(Round::measure(all, first, rounds.each, telling)?);
    }
    let kept = quietest(done, count);
    let around: Vec<_> = kept.iter().map(|one| one.around.clone()).collect();
    let of = |subject: usize| kept.iter().map(|one| one.values[subject]).collect();
    let found = (0..all.len()).map(of).collect();
    Ok((found, Surroundings::over(&around)))
}

/// One turn of all, each time another first: none always follows the same one.
struct Round<const VALUES: usize> {
    around: Surroundings,
    values: Vec<[f64; VALUES]>,
}

impl<const VALUES: usize> Round<VALUES> {
    fn measure(
        all: &[&dyn Measured<VALUES>],
        first: usize,
        time: Duration,
        telling: impl Fn(&str),
    ) -> Result<Self> {
        let watch = Watch::begin()?;
        let one = |measured: &&dyn Measured<VALUES>| {
            interrupt::check()?;
            telling(measured.name());
            measured.round(time)
        };
        let (before, from) = all.split_at(first);
        let turn = from.iter().chain(before).map(one);
        let mut values = turn.collect::<Result<Vec<_>>>()?;
        values.rotate_right(first);
        let around = watch.end()?;
        Ok(Self { around, values })
    }
}

/// So many rounds in which the machine did least else, in the order of their measurement.
fn quietest<const VALUES: usize>(done: Vec<Round<VALUES>>, count: usize) -> Vec<Round<VALUES>> {
    let mut ranked: Vec<_> = done.into_iter().enumerate().collect();
    ranked.sort_by(|(_, a), (_, b)| a.around.noise().total_cmp(&b.around.noise()));
    ranked.truncate(count);
    ranked.sort_by_key(|(number, _)| *number);
    ranked.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Constant(&'static str, f64);

    impl Measured for Constant {
        fn name(&self) -> &'static str {
            self.0
        }

        fn round(&self, _: Duration) -> Result<[f64; 1]> {
            Ok([self.1])
        }
    }

    #[test]
    fn whoever_is_first_values_stay_with_their_subjects() {
        let (a, b, c) = (Constant("a", 1.0), Constant("b", 2.0), Constant("c", 3.0));
        let all: [&dyn Measured; 3] = [&a, &b, &c];
        let order = std::cell::RefCell::new(String::new());
        let telling = |name: &str| order.borrow_mut().push_str(name);
        for first in 0..3 {
            let round = Round::measure(&all, first, Duration::ZERO, telling).unwrap();
            assert_eq!(round.values, [[1.0], [2.0], [3.0]]);
        }
        assert_eq!(order.into_inner(), "abcbcacab");
    }

    #[test]
    fn the_quietest_rounds_are_kept_in_their_order() {
        let round = |(value, stolen): (f64, f64)| Round {
            around: Surroundings {
                stolen,
                ..Surroundings::default()
            },
            values: vec![[value]],
        };
        let all = [(1.0, 0.2), (2.0, 0.0), (3.0, 0.5), (4.0, 0.1)];
        let kept = quietest(all.map(round).into(), 3);
        let values: Vec<_> = kept.iter().map(|one| one.values[0]).collect();
        assert_eq!(values, [[1.0], [2.0], [4.0]]);
    }
}
