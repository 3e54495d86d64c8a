//! Loading the object: its maps from their pins, and the switches that are constant once loaded.

use aya::{Ebpf, EbpfLoader};

use super::places::Places;
use super::sizes::Resize;
use super::{DataplaneError, Features, LoadOptions, Pins, maps};

/// aya-log's number for its most talkative level, and for silence.
const LOG_TRACE: u8 = 5;
const LOG_OFF: u8 = 0;

/// Creates the maps that are not pinned yet, adopts those that are, and relocates the programs.
pub(super) fn load(
    object: &[u8],
    pins: &Pins,
    features: Features,
    options: LoadOptions,
    (resize, places): (&Resize, Places),
) -> Result<Ebpf, DataplaneError> {
    let decap_l3 = u8::from(features.decap_l3);
    let level = if options.trace { LOG_TRACE } else { LOG_OFF };
    let mut loader = EbpfLoader::new();
    // Nothing in the object is relocated against the kernel's types.
    loader.btf(None);
    loader.override_global("FEATURE_DECAP_L3", &decap_l3, false);
    loader.override_global(aya_log::LEVEL, &level, false);
    let shift = places.shift();
    loader.override_global("PLACES_SHIFT", &shift, true);
    for name in maps::PINNED {
        // Where the pin exists aya opens it, else it creates the map and pins it.
        let (place, entries) = resize.place(name);
        loader.map_pin_path(name, pins.map(place));
        if let Some(entries) = entries.or(places.of(name)) {
            loader.map_max_entries(name, entries);
        }
    }
    Ok(loader.load(object)?)
}
