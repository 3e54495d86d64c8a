//! The file and its `conf.d`, read and put together.

use std::path::{Path, PathBuf};

use super::reader::{Section, Source};
use super::{Config, ConfigError, Place, overlap, sections};

/// Reads a configuration: the file, then `conf.d/*.toml` beside it in the order of their names.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    for (index, file) in files(path)?.iter().enumerate() {
        let source = Source::read(file)?;
        parse(&source, &mut config, index == 0)?;
    }
    overlap::check(&config)?;
    Ok(config)
}

/// The instance that a file names, whatever else is wrong with it; none where there is no file.
pub fn name(path: &Path) -> Result<Option<String>, ConfigError> {
    if !path.exists() {
        return Ok(None);
    }
    let source = Source::read(path)?;
    let document = source.parse()?;
    sections::host_name(&Section::root(&source, document.get_ref()))
}

/// A configuration of one file that is only text.
#[cfg(test)]
pub fn parse_text(text: &str) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    parse(&Source::new("f.toml", text), &mut config, true)?;
    overlap::check(&config)?;
    Ok(config)
}

/// Adds one file to a configuration. Only the first may hold what is of the host.
pub(super) fn parse(source: &Source, config: &mut Config, main: bool) -> Result<(), ConfigError> {
    let document = source.parse()?;
    sections::document(&Section::root(source, document.get_ref()), config, main)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let mut files = vec![path.to_owned()];
    let dir = path.parent().unwrap_or(Path::new(".")).join("conf.d");
    let Ok(entries) = std::fs::read_dir(&dir) else {
        return Ok(files);
    };
    let mut more = Vec::new();
    for entry in entries {
        let file = entry.map_err(|error| unreadable(&dir, &error))?.path();
        if file.extension().is_some_and(|ext| ext == "toml") {
            more.push(file);
        }
    }
    more.sort();
    files.extend(more);
    Ok(files)
}

/// That a file or folder cannot be read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
    let place = Place {
        file: path.display().to_string().into(),
        line: 0,
    };
    let message = format!("cannot be read ({error}); name an existing file with --config");
    ConfigError::new(&place, message)
}
