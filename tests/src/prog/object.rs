//! The embedded object, loaded with maps of its own that nothing pins.

use std::fs;

use anyhow::{Context, Result};
use aya::{
    Ebpf, EbpfLoader,
    maps::ProgramArray,
    programs::{SchedClassifier, Xdp, XdpMode},
};

use netfwd_common::{limits, maps::Stage, places};
use nix::sys::utsname::uname;

use super::Hook;
use crate::built;

/// How large the maps are.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Sessions that there is room for.
    pub sessions: u32,
    /// Places of each memory of ways.
    pub places: u32,
    /// Places that the programs take each of them to have.
    pub told: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            sessions: limits::SESSION_ENTRIES as u32 / 2,
            places: limits::PLACES_MIN,
            told: limits::PLACES_MIN,
        }
    }
}

impl Sizes {
    /// Memories of ways with so many places.
    pub fn places(places: u32) -> Self {
        Self {
            places,
            told: places,
            ..Self::default()
        }
    }
}

/// Loads the object's maps; its programs go through the verifier when they are first run.
pub fn load(sizes: Sizes) -> Result<Ebpf> {
    let path = built::object()?;
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    let mut loader = EbpfLoader::new();
    loader.btf(None);
    // Logging off, as it is for users.
    loader.override_global("AYA_LOG_LEVEL", &0u8, false);
    let decap_l3 = u8::from(takes_decap_l3()?);
    loader.override_global("FEATURE_DECAP_L3", &decap_l3, true);
    for map in ["sessions", "mappings"] {
        // One entry a direction.
        loader.map_max_entries(map, 2 * sizes.sessions);
    }
    for map in ["express", "arrivals", "crossings"] {
        loader.map_max_entries(map, sizes.places);
    }
    let shift = places::shift(sizes.told);
    loader.override_global("PLACES_SHIFT", &shift, true);
    loader
        .load(&bytes)
        .with_context(|| path.display().to_string())
}

/// Whether the kernel can be told that a packet changes its IP version with its outer headers (Linux 6.3).
fn takes_decap_l3() -> Result<bool> {
    let release = uname()?.release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map(str::parse::<u32>);
    let (major, minor) = (numbers.next(), numbers.next());
    let version = major.zip(minor).context("the kernel's release")?;
    Ok((version.0?, version.1?) >= (6, 3))
}

/// Loads the stages and puts them where the entry programs call them.
pub fn stages(ebpf: &mut Ebpf) -> Result<()> {
    for stage in Stage::ALL {
        let described = || format!("program {}", stage.program());
        let program = ebpf.program_mut(stage.program()).with_context(described)?;
        let program: &mut SchedClassifier = program.try_into()?;
        load_classifier(program).with_context(described)?;
        let fd = program.fd()?.try_clone()?;
        let map = ebpf.map_mut("stages").context("map stages is not there")?;
        ProgramArray::try_from(map)?.set(*stage as u32, &fd, 0)?;
    }
    Ok(())
}

/// Loads a hook's program, unless it has been loaded.
pub fn verify(ebpf: &mut Ebpf, hook: Hook) -> Result<()> {
    let loaded = match hook {
        Hook::UplinkXdp => load_xdp(xdp(ebpf, hook)?),
        _ => load_classifier(classifier(ebpf, hook)?),
    };
    loaded.with_context(|| format!("program {}", hook.program()))
}

fn load_classifier(program: &mut SchedClassifier) -> Result<()> {
    if program.fd().is_err() {
        program.load()?;
    }
    Ok(())
}

/// A veth's queue takes part in an XDP test run only while the device has a program: this one.
fn load_xdp(program: &mut Xdp) -> Result<()> {
    if program.fd().is_err() {
        program.load()?;
        program.attach("up0", XdpMode::Driver)?;
        program.attach("up1", XdpMode::Driver)?;
    }
    Ok(())
}

/// The classifier of a hook.
pub fn classifier(ebpf: &mut Ebpf, hook: Hook) -> Result<&mut SchedClassifier> {
    let program = ebpf
        .program_mut(hook.program())
        .context("it is not in the object")?;
    Ok(program.try_into()?)
}

/// The XDP program of a hook.
pub fn xdp(ebpf: &mut Ebpf, hook: Hook) -> Result<&mut Xdp> {
    let program = ebpf
        .program_mut(hook.program())
        .context("it is not in the object")?;
    Ok(program.try_into()?)
}
