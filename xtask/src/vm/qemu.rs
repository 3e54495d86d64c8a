//! Booting a kernel in QEMU, and its serial console as text.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

/// Emulated, a guest takes well under a minute; one that hangs is ended here.
const LIMIT: Duration = Duration::from_mins(5);

/// The emulator.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// Boots a kernel, waits until it powers off, and returns what it wrote on its console. The command is
/// the emulator's, with what devices it shall have.
pub fn boot(
    mut machine: Command,
    image: &Path,
    initramfs: &Path,
    console: &Path,
) -> Result<String> {
    let log =
        File::create(console).with_context(|| format!("cannot make {}", console.display()))?;
    let guest = machine
        // Emulated even where /dev/kvm exists: inside a virtual machine it may be there and fail in
        // the guest's first instructions, and emulation boots in seconds.
        // One thread for both processors: with a thread each, kernels were seen to panic on the
        // breakpoint of a code patch that was already over ("Oops: int3").
        .args(["-accel", "tcg,thread=single"])
        .args(["-cpu", "max", "-smp", "2", "-m", "1024", "-no-reboot"])
        .args(["-display", "none", "-monitor", "none", "-serial", "stdio"])
        .arg("-kernel")
        .arg(image)
        .arg("-initrd")
        .arg(initramfs)
        .args(["-append", "console=ttyS0 quiet loglevel=3 panic=-1"])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot start qemu-system-x86_64: run `cargo xtask setup`")?;
    wait(guest)?;
    let text = std::fs::read(console)?;
    Ok(String::from_utf8_lossy(&text).replace('\r', ""))
}

/// Waits for the guest's end; a guest that takes too long is killed, and its report then lacks its
/// last line.
fn wait(mut guest: Child) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    while guest.try_wait()?.is_none() {
        if Instant::now() > deadline {
            guest.kill()?;
            guest.wait()?;
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
