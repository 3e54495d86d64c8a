//! CPUs kept awake: where a hypervisor has to wake them, that takes longer, and varies more, than what
//! is measured.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Result;
use nix::errno::Errno;
use nix::libc;

use super::cpu::Cpu;

/// Does something while both CPUs always have something to do, which gives way at once to anything
/// else.
pub fn during<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let cpus = [Cpu::first()?, Cpu::second()?];
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let spinning = cpus.each_ref().map(|cpu| {
            let over = &over;
            scope.spawn(move || spin(cpu, over))
        });
        let end = End(&over);
        let result = work();
        drop(end);
        for spinner in spinning {
            spinner.join().expect("spinning does not panic")?;
        }
        result
    })
}

/// Ends the spinning, also when the work panics.
struct End<'flag>(&'flag AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// No pause between two looks: hypervisors take that for a lock that is held, and put the CPU to sleep.
fn spin(cpu: &Cpu, over: &AtomicBool) -> Result<()> {
    cpu.bear()?;
    give_way()?;
    while !over.load(Ordering::Relaxed) {}
    Ok(())
}

/// Makes this thread one that runs when nothing else wants to.
fn give_way() -> Result<()> {
    let none = libc::sched_param { sched_priority: 0 };
    // SAFETY: reads the parameters, which outlive the call, for the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const none) };
    Errno::result(result)?;
    Ok(())
}
