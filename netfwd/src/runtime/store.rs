//! Files under /var/lib/netfwd/NAME, written atomically.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Runtime;
use crate::ids::Ids;

/// Another number with each boot.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// What was added by command.
const RUNTIME: &str = "runtime.json";
/// Ids and slots.
const IDS: &str = "ids.json";
/// What was added by command and does not fit the file.
const MISFITS: &str = "misfits.json";

/// A file of the state that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be {doing} ({source}); {remedy}", path = path.display())]
pub struct StoreError {
    path: PathBuf,
    doing: &'static str,
    remedy: &'static str,
    source: io::Error,
}

/// The folder of an instance's state.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

impl Store {
    /// The folder of an instance.
    pub fn of(instance: &str) -> Self {
        Self::at(Path::new("/var/lib/netfwd").join(instance))
    }

    /// This folder.
    pub fn at(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of ids and slots.
    pub fn ids_path(&self) -> PathBuf {
        self.dir.join(IDS)
    }

    /// What was added by command; nothing where there is no file.
    pub fn runtime(&self) -> Result<Runtime, StoreError> {
        self.read(RUNTIME)
    }

    /// Keeps what was added by command.
    pub fn save_runtime(&self, runtime: &Runtime) -> Result<(), StoreError> {
        self.write(RUNTIME, runtime)
    }

    /// What does not fit the file; nothing where there is no file.
    pub fn misfits(&self) -> Result<Runtime, StoreError> {
        self.read(MISFITS)
    }

    /// Keeps what does not fit the file; no file for nothing.
    pub fn save_misfits(&self, misfits: &Runtime) -> Result<(), StoreError> {
        if *misfits != Runtime::default() {
            return self.write(MISFITS, misfits);
        }
        let path = self.misfits_path();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed(path, "removed", "check its permissions", error))
            }
            _ => Ok(()),
        }
    }

    /// The file of what was added by command.
    pub fn runtime_path(&self) -> PathBuf {
        self.dir.join(RUNTIME)
    }

    /// The file of what does not fit.
    pub fn misfits_path(&self) -> PathBuf {
        self.dir.join(MISFITS)
    }

    /// Ids and slots; none where there is no file.
    pub fn ids(&self) -> Result<Ids, StoreError> {
        let ids: Ids = self.read(IDS)?;
        Ok(ids.in_boot(&fs::read_to_string(BOOT).unwrap_or_default()))
    }

    /// Keeps ids and slots.
    pub fn save_ids(&self, ids: &Ids) -> Result<(), StoreError> {
        self.write(IDS, ids)
    }

    fn read<T: Default + DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        let path = self.dir.join(name);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
            Err(error) => return Err(failed(path, "read", "check its permissions", error)),
        };
        let remedy = match name {
            IDS => "repair it, or remove all of the instance with `netfwd cleanup`",
            _ => "repair it, or move it away, and what was added by command with it",
        };
        serde_json::from_slice(&text)
            .map_err(|error| failed(path, "understood", remedy, error.into()))
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        let path = self.dir.join(name);
        self.replace(&path, value).map_err(|error| {
            failed(
                path,
                "written",
                "check the space and permissions there",
                error,
            )
        })
    }

    /// A reader sees the old file or the new one, also after a power cut.
    fn replace<T: Serialize>(&self, path: &Path, value: &T) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let new = path.with_extension("json.new");
        let mut file = fs::File::create(&new)?;
        file.write_all(&serde_json::to_vec_pretty(value)?)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        fs::File::open(&self.dir)?.sync_all()
    }
}

fn failed(
    path: PathBuf,
    doing: &'static str,
    remedy: &'static str,
    source: io::Error,
) -> StoreError {
    StoreError {
        path,
        doing,
        remedy,
        source,
    }
}
