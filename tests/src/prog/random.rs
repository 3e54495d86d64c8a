//! Properties of a world over random frames.

use std::sync::Mutex;

use anyhow::Result;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestError, TestRunner},
};

use super::{SHORTEST, World};

/// Runs a property over one world; cases see what earlier ones left, as packets do.
pub fn always<T: std::fmt::Debug>(
    world: World,
    cases: u32,
    strategy: &impl Strategy<Value = T>,
    property: impl Fn(&mut World, T) -> Result<()>,
) -> Result<()> {
    let world = Mutex::new(world);
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(strategy, |case| {
        let mut world = world.lock().expect("a case that panicked ended the test");
        property(&mut world, case).map_err(|error| TestCaseError::fail(format!("{error:#}")))
    });
    match outcome {
        Ok(()) => Ok(()),
        Err(TestError::Fail(reason, case)) => anyhow::bail!("{reason} for {case:02x?}"),
        Err(TestError::Abort(reason)) => anyhow::bail!("{reason}"),
    }
}

/// One of these frames with a few octets changed, and cut off as often as not.
pub fn mutated(frames: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    let cut = any::<prop::sample::Index>();
    let frame = prop::sample::select(frames);
    (frame, changes, cut, any::<bool>()).prop_map(|(mut frame, changes, cut, is_cut)| {
        for (at, octet) in changes {
            let at = at.index(frame.len());
            frame[at] = octet;
        }
        if is_cut && frame.len() > SHORTEST {
            frame.truncate(SHORTEST + cut.index(frame.len() - SHORTEST));
        }
        frame
    })
}
