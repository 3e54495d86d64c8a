//! Fixtures: what one shows, its input, and all that is expected of it.

use anyhow::{Context, Result, ensure};
use netfwd_common::verdict::DropReason;

use super::{Hook, Ran, Verdict, World};
use crate::packet;

/// Changes a world before a frame comes.
pub type Given = fn(&mut World) -> Result<()>;
/// Looks at what a frame left.
pub type Then = fn(&mut World, &Ran) -> Result<()>;

/// One frame through one program in a known state.
pub struct Fixture {
    /// What it shows, as a sentence.
    pub shows: &'static str,
    /// The hook.
    pub hook: Hook,
    /// The interface that the frame arrives on.
    pub on: fn(&World) -> u32,
    /// What is changed before.
    pub given: Given,
    /// The frame.
    pub frame: Vec<u8>,
    /// What is expected.
    pub expect: Expect,
}

impl Fixture {
    /// A frame on an interface of the usual world, which passes.
    pub fn new(shows: &'static str, hook: Hook, on: fn(&World) -> u32, frame: Vec<u8>) -> Self {
        let expect = Expect::verdict(Verdict::Pass);
        Self {
            shows,
            hook,
            on,
            given: |_| Ok(()),
            frame,
            expect,
        }
    }

    /// Changes the world first.
    #[must_use]
    pub fn given(mut self, given: Given) -> Self {
        self.given = given;
        self
    }

    /// Says what is expected.
    #[must_use]
    pub fn expect(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self
    }
}

/// What a fixture expects.
pub struct Expect {
    /// The verdict.
    pub verdict: Verdict,
    /// The frame afterwards; `None` leaves it unchecked.
    pub frame: Option<Vec<u8>>,
    /// The one drop counted, with the slot that counts it; `None`: no drop is counted.
    pub drop: Option<(u32, DropReason)>,
    /// How many frames went to `p1`, `p2`, the gateway and the peer; `None` leaves it unchecked.
    pub sent: Option<[u64; 4]>,
    /// What else must hold.
    pub then: Then,
}

impl Expect {
    /// The frame goes on or to another interface, and no drop is counted.
    pub fn verdict(verdict: Verdict) -> Self {
        Self {
            verdict,
            frame: None,
            drop: None,
            sent: None,
            then: |_, _| Ok(()),
        }
    }

    /// The frame is dropped and counted.
    pub fn drop(slot: u32, reason: DropReason) -> Self {
        Self {
            drop: Some((slot, reason)),
            ..Self::verdict(Verdict::Shot)
        }
    }

    /// The frame afterwards is exactly this one, and its checksums are right.
    #[must_use]
    pub fn frame(mut self, frame: Vec<u8>) -> Self {
        self.frame = Some(frame);
        self
    }

    /// So many frames went to `p1`, `p2`, the gateway and the peer.
    #[must_use]
    pub fn sent(mut self, sent: [u64; 4]) -> Self {
        self.sent = Some(sent);
        self
    }

    /// This must hold too.
    #[must_use]
    pub fn then(mut self, then: Then) -> Self {
        self.then = then;
        self
    }
}

/// Runs fixtures one after the other in one world, each from the same state; the error names all
/// that failed.
pub fn run_all(fixtures: Vec<Fixture>) -> Result<()> {
    let mut world = World::new()?;
    let mut failed = Vec::new();
    for fixture in fixtures {
        if let Err(error) = run(&mut world, &fixture) {
            failed.push(format!("{}: {error:#}", fixture.shows));
        }
    }
    ensure!(
        failed.is_empty(),
        "{} fixtures failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
    Ok(())
}

fn run(world: &mut World, fixture: &Fixture) -> Result<()> {
    let Fixture {
        hook,
        on,
        given,
        frame,
        expect,
        ..
    } = fixture;
    world.reset()?;
    given(world).context("given")?;
    let ran = world.run(*hook, on(world), frame)?;
    let drops = world.drops()?;
    ensure!(
        ran.verdict == expect.verdict,
        "{:?}, not {:?}; drops {drops:?}",
        ran.verdict,
        expect.verdict
    );
    let expected: Vec<_> = expect
        .drop
        .iter()
        .map(|(slot, reason)| (*slot, *reason, 1))
        .collect();
    ensure!(drops == expected, "drops are {drops:?}, not {expected:?}");
    if let Some(expected) = &expect.frame {
        same(expected, &ran.frame)?;
        packet::checksums(&ran.frame)?;
    }
    if let Some(expected) = expect.sent {
        let sent = world.sent()?;
        ensure!(sent == expected, "sent to {sent:?}, not {expected:?}");
    }
    (expect.then)(world, &ran).context("then")
}

fn same(expected: &[u8], frame: &[u8]) -> Result<()> {
    let differs = expected.iter().zip(frame).position(|(a, b)| a != b);
    let at = differs.unwrap_or_else(|| expected.len().min(frame.len()));
    ensure!(
        expected == frame,
        "the frame differs from octet {at} on:\n  {}\nexpected\n  {}",
        hex(frame),
        hex(expected)
    );
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    let words: Vec<String> = bytes.chunks(2).map(hex_word).collect();
    words.join(" ")
}

fn hex_word(word: &[u8]) -> String {
    word.iter()
        .fold(String::new(), |text, octet| format!("{text}{octet:02x}"))
}
