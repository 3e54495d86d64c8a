//! netfwd.
