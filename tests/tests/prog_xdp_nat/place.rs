//! A world with established sessions whose way TC has found, and both programs side by side.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, ensure};
use netfwd_common::{
    maps::{Counters, Epoch, FdbEntry, FdbFlags, NextHop, Session, SessionKey},
    nat::proto,
    tcp,
};
use tests::prog::{Hook, Inside, Ran, Tables, Verdict, World, mac, monotonic_ns, slot, station};

use super::flow::Flow;

/// Slots that a packet from outside to `p1` may count in.
const SLOTS: [u32; 3] = [slot::UPLINK, slot::P1, slot::P2];

/// Directions of sessions.
pub type Entries = Vec<(SessionKey, Session)>;

/// What a run left, stamps aside: they are taken at other times.
#[derive(Debug, PartialEq)]
struct Left {
    verdict: Verdict,
    frame: Vec<u8>,
    sessions: Entries,
    counters: Vec<Counters>,
}

pub struct Place {
    pub world: World,
    /// The sessions as TC has left them once their ways were found.
    pub known: Entries,
}

impl Place {
    pub fn new() -> Result<Self> {
        let mut world = World::new()?;
        world
            .wires
            .here
            .ip("addr replace fd00:3::1/64 dev gw nodad\n\
             neigh replace fd00:3::11 lladdr 02:00:00:00:00:0b dev gw nud permanent")?;
        let flags = FdbFlags::STATIC.with(FdbFlags::XDP_TARGET);
        let c1 = FdbEntry {
            flags,
            ..station(world.wires.p1, slot::P1)
        };
        world.learn(mac::C1, c1)?;
        for flow in Flow::ALL {
            world.translate(&flow.session())?;
        }
        establish(&mut world)?;
        world.verify(Hook::UplinkXdp)?;
        world.verify(Hook::UplinkIngress)?;
        let uplink = world.wires.uplink;
        for flow in Flow::ALL {
            let ran = world.run(Hook::UplinkIngress, uplink, &flow.frame(64, b"the first"))?;
            ensure!(
                ran.verdict == Verdict::Redirect,
                "{flow:?}: {:?}",
                ran.verdict
            );
        }
        let known = world.sessions()?;
        Ok(Self { world, known })
    }

    /// Runs a frame through XDP and through TC, from the same state, in which a session from outside has been
    /// changed; gives the frame where XDP has taken it. An error where TC would not have done the same.
    pub fn both(&mut self, frame: &[u8], change: impl Fn(&mut Session)) -> Result<Option<Vec<u8>>> {
        let given = given(&self.known, change);
        let uplink = self.world.wires.uplink;
        let mut taken = Ok(None);
        self.world
            .inside(|programs| taken = both(programs, uplink, &given, frame));
        taken
    }

    /// Runs a frame through XDP alone.
    pub fn by_xdp(&mut self, frame: &[u8], change: impl Fn(&mut Session)) -> Result<Ran> {
        let given = given(&self.known, change);
        put(&mut self.world.tables(), &given)?;
        let uplink = self.world.wires.uplink;
        self.world.run(Hook::UplinkXdp, uplink, frame)
    }
}

/// These sessions as of now, those from outside changed.
pub fn given(known: &Entries, change: impl Fn(&mut Session)) -> Entries {
    let now = monotonic_ns();
    let mut given = known.clone();
    for (key, session) in &mut given {
        session.last_seen_ns = now;
        session.next_hop.resolved_ns = now;
        if key.network == 0 {
            change(session);
        }
    }
    given
}

/// As [`Place::both`], of a thread in the place's namespace.
pub fn both(
    programs: &mut Inside<'_>,
    uplink: u32,
    given: &Entries,
    frame: &[u8],
) -> Result<Option<Vec<u8>>> {
    let by_xdp = left(programs, (Hook::UplinkXdp, uplink), given, frame)?;
    if by_xdp.verdict == Verdict::Pass {
        ensure!(by_xdp.frame == frame, "it was changed, and passed");
        let counted = by_xdp.counters != [Counters::default(); SLOTS.len()];
        ensure!(!counted, "it was counted, and passed");
        let untouched = sessions(given, given);
        ensure!(
            by_xdp.sessions == untouched,
            "passed, but {:#?}",
            by_xdp.sessions
        );
        return Ok(None);
    }
    let by_tc = in_a_new_epoch(programs, given, |programs, given| {
        left(programs, (Hook::UplinkIngress, uplink), given, frame)
    })?;
    ensure!(by_xdp == by_tc, "{by_xdp:02x?}\nbut TC {by_tc:02x?}");
    Ok(Some(by_xdp.frame))
}

/// Does something while TC remembers no packet's way, and these sessions stand as before: packets that went a
/// remembered way are counted later.
fn in_a_new_epoch<T>(
    programs: &mut Inside<'_>,
    given: &Entries,
    work: impl FnOnce(&mut Inside<'_>, &Entries) -> Result<T>,
) -> Result<T> {
    static EPOCHS: AtomicU32 = AtomicU32::new(1);
    let old: Epoch = programs.tables().element("epoch", 0)?;
    let new = Epoch {
        loader: old.loader + EPOCHS.fetch_add(1, Ordering::Relaxed),
        ..old
    };
    let mut renewed = given.clone();
    for (_, session) in &mut renewed {
        if session.epoch == number(old) {
            session.epoch = number(new);
        }
    }
    programs.tables().set_element("epoch", 0, new)?;
    let done = work(programs, &renewed);
    programs.tables().set_element("epoch", 0, old)?;
    done
}

/// The epoch as programs read it.
fn number(epoch: Epoch) -> u64 {
    let (programs, loader) = (u64::from(epoch.programs), u64::from(epoch.loader));
    if cfg!(target_endian = "little") {
        loader << 32 | programs
    } else {
        programs << 32 | loader
    }
}

fn left(
    programs: &mut Inside<'_>,
    (hook, uplink): (Hook, u32),
    given: &Entries,
    frame: &[u8],
) -> Result<Left> {
    put(&mut programs.tables(), given)?;
    let ran = programs.run(hook, uplink, frame)?;
    let mut tables = programs.tables();
    let counters = SLOTS.map(|slot| tables.counters(slot));
    Ok(Left {
        verdict: ran.verdict,
        frame: ran.frame,
        counters: counters.into_iter().collect::<Result<_>>()?,
        sessions: sessions(&tables.all("sessions")?, given),
    })
}

fn put(tables: &mut Tables<'_>, given: &Entries) -> Result<()> {
    for (key, _) in tables.all::<SessionKey, Session>("sessions")? {
        if !given.iter().any(|(of_given, _)| *of_given == key) {
            tables.remove_unnoticed::<SessionKey, Session>("sessions", &key)?;
        }
    }
    for (key, session) in given {
        tables.put_unnoticed("sessions", key, session)?;
    }
    SLOTS
        .into_iter()
        .try_for_each(|slot| tables.zero_counters(slot))
}

/// Has both sides of every session send SYN and ACK.
fn establish(world: &mut World) -> Result<()> {
    for (key, session) in world.sessions()? {
        let tcp_flags = match key.proto {
            proto::TCP => tcp::SYN | tcp::ACK,
            _ => 0,
        };
        let session = Session {
            tcp_flags,
            ..session
        };
        world.tables().put("sessions", &key, &session)?;
    }
    Ok(())
}

/// Sessions in order, of whose stamps only is left whether they are new; of the way, where it leads.
fn sessions(entries: &Entries, given: &Entries) -> Entries {
    let mut entries = entries.clone();
    entries.sort_by_key(|(key, _)| *key);
    for (key, session) in &mut entries {
        let before = given.iter().find(|(of_given, _)| of_given == key);
        let stamp = before.map(|(_, before)| before.last_seen_ns);
        session.last_seen_ns = u64::from(stamp != Some(session.last_seen_ns));
        session.next_hop = NextHop::default();
        session.epoch = 0;
        session.xdp = 0;
        (session.deliver, session.slot) = (0, 0);
    }
    entries
}
