//! Where something was written, for errors that name it.

use std::fmt;
use std::sync::Arc;

/// A line of a file, or a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file; empty for what was added by command. Shared: there may be a million places in it.
    pub file: Arc<str>,
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
}

impl Place {
    /// Whether a command, not a file, said so.
    pub fn is_command(&self) -> bool {
        self.file.is_empty()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_command() {
            return f.write_str("added by command");
        }
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}
