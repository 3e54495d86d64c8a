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

/// How long a part of a round is at least: what goes before each takes time as well.
const PART: Duration = Duration::from_millis(50);

/// The parts of a round of frames.
pub const PARTS: u32 = 5;

/// Something that can be measured again and again, and has so many values each time.
pub trait Measured<const VALUES: usize = 1> {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Its values over about this time.
    fn round(&self, time: Duration) -> Result<[f64; VALUES]>;

    /// How many parts a round may be measured in, all subjects in turns in each; its values are the parts' means then.
    /// The machine's pace changes within a round, and falls on all alike the finer the turns are.
    fn parts(&self) -> u32 {
        1
    }

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
        let least = all.iter().map(|one| one.parts()).min().unwrap_or(1);
        let parts = least
            .min((time.as_millis() / PART.as_millis()) as u32)
            .max(1);
        let mut values = vec![[0.0; VALUES]; all.len()];
        for part in 0..parts as usize {
            for turn in 0..all.len() {
                interrupt::check()?;
                let which = (first + part + turn) % all.len();
                telling(all[which].name());
                let found = all[which].round(time / parts)?;
                let sums = values[which].iter_mut().zip(found);
                sums.for_each(|(sum, value)| *sum += value / f64::from(parts));
            }
        }
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

    /// What takes a round in parts, and has another value in each.
    struct Parted(&'static str, std::cell::Cell<f64>);

    impl Measured for Parted {
        fn name(&self) -> &'static str {
            self.0
        }

        fn round(&self, time: Duration) -> Result<[f64; 1]> {
            assert_eq!(time, PART);
            self.1.set(self.1.get() + 1.0);
            Ok([self.1.get()])
        }

        fn parts(&self) -> u32 {
            PARTS
        }
    }

    #[test]
    fn a_round_in_parts_has_their_mean_and_turns_in_each() {
        let (a, b) = (
            Parted("a", std::cell::Cell::default()),
            Parted("b", std::cell::Cell::new(10.0)),
        );
        let order = std::cell::RefCell::new(String::new());
        let telling = |name: &str| order.borrow_mut().push_str(name);
        let all: [&dyn Measured; 2] = [&a, &b];
        let round = Round::measure(&all, 0, PART * PARTS, telling).unwrap();
        assert_eq!(round.values, [[3.0], [13.0]]);
        assert_eq!(order.into_inner(), "abbaabbaab");
    }

    #[test]
    fn a_short_round_has_one_part() {
        let a = Parted("a", std::cell::Cell::default());
        let round = Round::measure(&[&a as &dyn Measured], 0, PART, |_| ()).unwrap();
        assert_eq!(round.values, [[1.0]]);
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
