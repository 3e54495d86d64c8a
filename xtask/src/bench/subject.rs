//! Who is measured.

use crate::run::netns::Netns;

/// What is between two containers.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What it is called.
    pub name: &'static str,
    /// The instances of netfwd in it, in the order of what the load meets; of others there are none.
    pub instances: Vec<String>,
}

impl Subject {
    /// The one of this name on these hosts.
    pub fn new(name: &'static str, hosts: &[&Netns]) -> Self {
        let instances = hosts.iter().filter(|_| name.starts_with("netfwd"));
        Self {
            name,
            instances: instances.map(|host| host.name().to_owned()).collect(),
        }
    }
}
