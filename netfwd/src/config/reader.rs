//! Typed access to a TOML document, with errors that name file and line.

use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ConfigError, Place, files};

/// One file.
pub(super) struct Source {
    file: Arc<str>,
    text: String,
    /// Where its lines end, in octets: counting them for each place adds up in a large file.
    ends: Vec<usize>,
}

impl Source {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|e| files::unreadable(path, &e))?;
        Ok(Self::new(&path.display().to_string(), &text))
    }

    /// A text with the name it goes by in errors.
    pub(super) fn new(file: &str, text: &str) -> Self {
        Self {
            file: file.into(),
            text: text.to_owned(),
            ends: text.match_indices('\n').map(|(at, _)| at).collect(),
        }
    }

    /// The TOML in it.
    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'_>>, ConfigError> {
        DeTable::parse(&self.text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            let at = self.text.get(span.clone()).unwrap_or_default();
            let at = at.lines().next().unwrap_or_default().trim();
            let reason = one_line(error.message());
            let message = match at {
                "" => format!("not valid TOML: {reason}"),
                at => format!("not valid TOML at `{at}`: {reason}"),
            };
            ConfigError::new(&self.place(span.start), message)
        })
    }

    fn place(&self, offset: usize) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line: self.ends.partition_point(|end| *end < offset) + 1,
        }
    }
}

fn one_line(message: &str) -> String {
    message.lines().collect::<Vec<_>>().join("; ")
}

/// Keys of a section.
pub(super) struct Keys {
    /// Accepted by this version.
    pub(super) accepted: &'static [&'static str],
    /// Names of the full configuration that this version does not have yet.
    pub(super) later: &'static [&'static str],
}

/// A table of the document.
#[derive(Clone)]
pub(super) struct Section<'a> {
    source: &'a Source,
    table: &'a DeTable<'a>,
    /// As the file writes it: `[host]`.
    title: &'static str,
    offset: usize,
}

impl<'a> Section<'a> {
    /// The document itself.
    pub(super) fn root(source: &'a Source, table: &'a DeTable<'a>) -> Self {
        Self {
            source,
            table,
            title: "the file",
            offset: 0,
        }
    }

    /// Where the section begins.
    pub(super) fn place(&self) -> Place {
        self.source.place(self.offset)
    }

    /// An error about the section as a whole.
    pub(super) fn error(&self, message: impl Into<String>) -> ConfigError {
        ConfigError::new(&self.place(), message)
    }

    /// Refuses keys that are unknown or not in this version, the first in the file first.
    pub(super) fn only(&self, keys: &Keys) -> Result<(), ConfigError> {
        let mut found: Vec<_> = self.table.keys().collect();
        found.sort_by_key(|key| key.span().start);
        for key in found {
            let name: &str = key.get_ref();
            if keys.accepted.contains(&name) {
                continue;
            }
            return Err(ConfigError::new(
                &self.source.place(key.span().start),
                self.refusal(name, keys),
            ));
        }
        Ok(())
    }

    fn refusal(&self, name: &str, keys: &Keys) -> String {
        let title = self.title;
        if keys.later.contains(&name) {
            return format!("`{name}` in {title} is not in this version of netfwd yet; remove it");
        }
        let accepted = keys.accepted.join(", ");
        format!("unknown key `{name}` in {title}; accepted are {accepted}")
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &'static str) -> Option<Value<'a>> {
        let item = self.table.get(key)?;
        Some(Value {
            source: self.source,
            item,
            title: self.title,
            key,
        })
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &'static str) -> Result<Value<'a>, ConfigError> {
        self.get(key)
            .ok_or_else(|| self.error(format!("{} needs `{key}`", self.title)))
    }

    /// The value of a key, or what it is when absent.
    pub(super) fn or<T>(
        &self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Value<'a>) -> Result<T, ConfigError>,
    ) -> Result<T, ConfigError> {
        self.get(key).map_or(Ok(default), |value| read(&value))
    }

    /// The value of a key that may be absent.
    pub(super) fn maybe<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&Value<'a>) -> Result<T, ConfigError>,
    ) -> Result<Option<T>, ConfigError> {
        self.get(key).map(|value| read(&value)).transpose()
    }

    /// The table of a key.
    pub(super) fn table(
        &self,
        key: &'static str,
        title: &'static str,
    ) -> Result<Option<Section<'a>>, ConfigError> {
        self.maybe(key, |value| value.section(title))
    }

    /// The tables of a key, in the order of the file.
    pub(super) fn tables(
        &self,
        key: &'static str,
        title: &'static str,
    ) -> Result<Vec<Section<'a>>, ConfigError> {
        let values = self.or(key, Vec::new(), Value::list)?;
        values.iter().map(|value| value.section(title)).collect()
    }
}

/// A value of the document.
pub(super) struct Value<'a> {
    source: &'a Source,
    item: &'a Spanned<DeValue<'a>>,
    title: &'static str,
    key: &'static str,
}

impl<'a> Value<'a> {
    /// Where it stands.
    pub(super) fn place(&self) -> Place {
        self.source.place(self.item.span().start)
    }

    /// An error about it.
    pub(super) fn error(&self, message: &str) -> ConfigError {
        ConfigError::new(&self.place(), message)
    }

    /// That it is not what it should be.
    pub(super) fn refuse(&self, accepted: &str) -> ConfigError {
        let found = self.source.text.get(self.item.span()).unwrap_or_default();
        let found = found.lines().next().unwrap_or_default();
        let (key, title) = (self.key, self.title);
        let message = format!("`{key}` in {title} cannot be {found}; it takes {accepted}");
        ConfigError::new(&self.place(), message)
    }

    /// A string that `parse` accepts.
    pub(super) fn parse<T>(
        &self,
        accepted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let text = self.item.get_ref().as_str();
        text.and_then(parse).ok_or_else(|| self.refuse(accepted))
    }

    /// `true` or `false`.
    pub(super) fn bool(&self) -> Result<bool, ConfigError> {
        let value = self.item.get_ref().as_bool();
        value.ok_or_else(|| self.refuse("true or false"))
    }

    /// A boolean, if it is one.
    pub(super) fn as_bool(&self) -> Option<bool> {
        self.item.get_ref().as_bool()
    }

    /// An integer, if it is one.
    pub(super) fn as_integer(&self) -> Option<i64> {
        let integer = self.item.get_ref().as_integer()?;
        i64::from_str_radix(integer.as_str(), integer.radix()).ok()
    }

    /// An integer in a range.
    pub(super) fn integer(&self, low: u32, high: u32) -> Result<u32, ConfigError> {
        self.as_integer()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (low..=high).contains(number))
            .ok_or_else(|| self.refuse(&format!("a number from {low} to {high}")))
    }

    /// The members of an array.
    pub(super) fn list(&self) -> Result<Vec<Value<'a>>, ConfigError> {
        let items = self.item.get_ref().as_array();
        let items = items.ok_or_else(|| self.refuse("an array"))?;
        let value = |item| Value { item, ..*self };
        Ok(items.iter().map(value).collect())
    }

    fn section(&self, title: &'static str) -> Result<Section<'a>, ConfigError> {
        let table = self.item.get_ref().as_table();
        Ok(Section {
            source: self.source,
            table: table.ok_or_else(|| self.refuse(&format!("a table, {title}")))?,
            title,
            offset: self.item.span().start,
        })
    }
}
