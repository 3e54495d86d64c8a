//! Other network namespaces: a container's, entered on a thread of its own.

use std::{
    fs::File,
    future::Future,
    io,
    os::fd::AsFd,
    path::{Path, PathBuf},
    thread,
};

use nix::sched::{CloneFlags, setns};

use super::{LinkError, Links, Tried};

/// Where `ip netns add NAME` keeps namespaces.
const NAMED: &str = "/run/netns";

/// A network namespace, held open.
#[derive(Debug)]
pub struct Netns {
    name: String,
    file: File,
}

impl Netns {
    /// Opens the namespace `name`: a path where it has a slash, else a name of `ip netns`.
    pub fn open(name: &str) -> Result<Self, LinkError> {
        let file = File::open(path(name)).tried(|| format!("open network namespace {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            file,
        })
    }

    /// The calling thread's own namespace.
    pub fn current() -> Result<Self, LinkError> {
        Self::open("/proc/thread-self/ns/net")
    }

    /// Its name, as it was opened by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that stands for it.
    pub fn fd(&self) -> impl AsFd + '_ {
        &self.file
    }

    /// Runs `work` inside the namespace, on a thread and a small runtime of its own; the caller's
    /// thread never changes its namespace.
    pub fn run_blocking<T, F, Fut>(&self, work: F) -> Result<T, LinkError>
    where
        T: Send + 'static,
        F: FnOnce(Links) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, LinkError>>,
    {
        let what = || format!("enter network namespace {}", self.name);
        let file = self.file.try_clone().tried(what)?;
        let work = move || -> io::Result<Result<T, LinkError>> {
            setns(file, CloneFlags::CLONE_NEWNET)?;
            on_small_runtime(work)
        };
        let done = thread::Builder::new()
            .name("netns".into())
            .spawn(work)
            .tried(what)?;
        done.join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            .tried(what)?
    }

    /// [`Self::run_blocking`] for async callers: waits without holding up their runtime.
    pub async fn run<T, F, Fut>(self, work: F) -> Result<T, LinkError>
    where
        T: Send + 'static,
        F: FnOnce(Links) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, LinkError>>,
    {
        tokio::task::spawn_blocking(move || self.run_blocking(work))
            .await
            .map_err(io::Error::other)
            .tried(|| "work in another network namespace".into())?
    }
}

/// Runs `work` in the calling thread's namespace where there is no runtime, as in a `show` command.
pub fn here_blocking<T, F, Fut>(work: F) -> Result<T, LinkError>
where
    T: Send + 'static,
    F: FnOnce(Links) -> Fut + Send + 'static,
    Fut: Future<Output = Result<T, LinkError>>,
{
    Netns::current()?.run_blocking(work)
}

fn on_small_runtime<T, F, Fut>(work: F) -> io::Result<Result<T, LinkError>>
where
    F: FnOnce(Links) -> Fut,
    Fut: Future<Output = Result<T, LinkError>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    Ok(runtime.block_on(async { work(Links::open("")?).await }))
}

/// The file that stands for the namespace `name`.
pub fn path(name: &str) -> PathBuf {
    if name.contains('/') {
        PathBuf::from(name)
    } else {
        Path::new(NAMED).join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_of_ip_netns_and_a_path_stays_itself() {
        assert_eq!(path("c1"), Path::new("/run/netns/c1"));
        assert_eq!(path("/proc/7/ns/net"), Path::new("/proc/7/ns/net"));
    }
}
