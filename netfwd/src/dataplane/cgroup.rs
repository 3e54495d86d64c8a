//! Where the control groups of the machine begin.

use std::{fs, path::PathBuf};

/// The root of the version 2 hierarchy, which every process is in: what is attached there sees the
/// sockets of all. `None` where it is mounted nowhere.
pub fn root() -> Option<PathBuf> {
    find(&fs::read_to_string("/proc/self/mountinfo").ok()?)
}

/// The first mount of the whole hierarchy, in the form that proc_pid_mountinfo(5) describes.
fn find(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        (system.starts_with("cgroup2 ") && root == "/").then(|| unescape(point).into())
    })
}

/// Spaces and the like stand there as three octal digits.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.get(..3);
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(octet) => {
                out.push(char::from(octet));
                out.push_str(&part[3..]);
            }
            None => out.extend(["\\", part]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::find;

    #[test]
    fn the_whole_hierarchy_of_version_2_is_found() {
        let mounts = "\
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
41 31 0:38 /docker/1 /part rw,relatime shared:3 - cgroup2 cgroup2 rw
42 31 0:38 / /sys/fs/my\\040cgroups rw,relatime shared:3 master:1 - cgroup2 cgroup2 rw
43 31 0:38 / /again rw - cgroup2 cgroup2 rw
";
        assert_eq!(
            find(mounts).as_deref(),
            Some(Path::new("/sys/fs/my cgroups"))
        );
        assert_eq!(find("31 23 0:28 / /sys rw - sysfs sysfs rw\n"), None);
        assert_eq!(find(""), None);
    }
}
