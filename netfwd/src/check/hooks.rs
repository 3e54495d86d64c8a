//! What others have attached to the hooks of uplinks and ports, and what that means for netfwd and for them.

use super::{Finding, Severity};
use crate::config::{Config, Port, XdpPolicy};
use crate::dataplane::others::{self, Standing};
use crate::dataplane::{FILTER_PRIORITY, Features, Pins};
use crate::desired::wants_xdp;
use crate::links::{Link, LinkError, Links, tc::Filter, tc::Side};
use crate::observe;
use crate::observed::{Hook, HookAt};

/// What somebody else has at a hook, as text, and how it is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Other {
    what: String,
    removal: String,
}

/// The others at a hook that netfwd has or will have.
#[derive(Debug, Default, PartialEq, Eq)]
struct Others {
    before: Vec<Other>,
    behind: Vec<Other>,
}

/// The programs and filters of others on uplinks and ports.
pub(super) async fn findings(
    config: &Config,
    instance: &str,
    links: &Links,
    list: &[Link],
) -> Result<Vec<Finding>, LinkError> {
    let (pins, tcx) = (Pins::of(instance), Features::probe().tcx);
    let ports = config.networks.iter().flat_map(|network| &network.ports);
    let ports: Vec<String> = ports.map(Port::interface).collect();
    let mut findings = Vec::new();
    for link in list {
        let is_uplink = config.host.uplinks.contains(&link.name);
        if !is_uplink && !ports.contains(&link.name) {
            continue;
        }
        findings.extend(xdp(config.host.xdp, &pins, link, is_uplink));
        for (hook, side) in [(Hook::Ingress, Side::Ingress), (Hook::Egress, Side::Egress)] {
            let at = HookAt::new(&link.name, hook);
            let own = pins.own_program(&at);
            let filters = foreign(links.filters(link.index, side).await?, &pins, &at);
            let others = sort(&link.name, hook, own, &others::tcx(&at), &filters, tcx);
            if is_uplink || hook == Hook::Ingress {
                findings.extend(in_line(&at, &others));
            } else if observe::goes_to_other_end(link) {
                findings.extend(passed_by(&at, &others));
            }
        }
    }
    Ok(findings)
}

/// The filters that are not the instance's own.
fn foreign(filters: Vec<Filter>, pins: &Pins, at: &HookAt) -> Vec<Filter> {
    let has_own = pins.pinned(at).is_some() && pins.own_program(at).is_none();
    let is_own = |filter: &Filter| has_own && filter.priority == FILTER_PRIORITY;
    filters
        .into_iter()
        .filter(|filter| !is_own(filter))
        .collect()
}

/// Who runs before netfwd and who behind it. Programs of TCX run before filters, and netfwd comes behind
/// those that are there when it starts.
fn sort(
    interface: &str,
    hook: Hook,
    own: Option<u32>,
    programs: &[Standing],
    filters: &[Filter],
    tcx: bool,
) -> Others {
    let at = programs.iter().position(|program| Some(program.id) == own);
    let (before, behind) = programs.split_at(at.unwrap_or(programs.len()));
    let behind = behind.iter().skip(usize::from(at.is_some()));
    let mut others = Others {
        before: before.iter().map(of_program).collect(),
        behind: behind.map(of_program).collect(),
    };
    for filter in filters {
        let other = of_filter(interface, hook, filter);
        if !tcx && filter.priority < FILTER_PRIORITY {
            others.before.push(other);
        } else {
            others.behind.push(other);
        }
    }
    others
}

fn of_program(program: &Standing) -> Other {
    let (id, name) = (program.id, title(&program.name));
    Other {
        what: format!("{name} (TCX, program {id})"),
        removal: format!("end who holds the link of program {id} (`bpftool link show` names it)"),
    }
}

fn title(name: &str) -> String {
    match name {
        "" => "a program without a name".to_owned(),
        name => format!("program {name}"),
    }
}

fn of_filter(interface: &str, hook: Hook, filter: &Filter) -> Other {
    let (priority, kind, hook) = (filter.priority, &filter.kind, hook.name());
    Other {
        what: format!("the {kind} filter of priority {priority}"),
        removal: format!("`tc filter del dev {interface} {hook} pref {priority}`"),
    }
}

fn listed(others: &[Other], field: impl Fn(&Other) -> &str) -> String {
    others.iter().map(field).collect::<Vec<_>>().join(" and ")
}

/// What it means where netfwd has a program of its own: each ends the line for what it has decided, as
/// netfwd's own do with all that they see (net/core/dev.c, `tcx_run` and `sch_handle_ingress`).
fn in_line(at: &HookAt, others: &Others) -> Vec<Finding> {
    let hook = at.hook.name();
    let warning = |others: &[Other], what: String, remedy: &str| {
        let remedy = format!("{remedy}: {}", listed(others, |other| &other.removal));
        (!others.is_empty()).then(|| Finding::new(Severity::Warning, &at.interface, what, &remedy))
    };
    let names = |others: &[Other]| listed(others, |other| &other.what);
    let before = format!(
        "at {hook}, {} comes before netfwd, which sees only frames that are passed on undecided (TCX_NEXT): \
         not what is dropped, redirected, or let pass as done (TC_ACT_OK)",
        names(&others.before)
    );
    let behind = format!(
        "at {hook}, {} comes behind netfwd and sees no frame, since netfwd decides on all of them",
        names(&others.behind)
    );
    let attach =
        "where it has to see frames, attach it by TCX in front of netfwd's; else remove it";
    let found = [
        warning(
            &others.before,
            before,
            "where frames are missing, remove it",
        ),
        warning(&others.behind, behind, attach),
    ];
    found.into_iter().flatten().collect()
}

/// What it means at the egress of a port whose other end is in another namespace.
fn passed_by(at: &HookAt, others: &Others) -> Option<Finding> {
    let all = [&others.before[..], &others.behind[..]].concat();
    let finding = format!(
        "at egress, {} sees floods alone: what is for one station is handed to the other end directly",
        listed(&all, |other| &other.what)
    );
    let remedy = format!(
        "attach it to the ingress of the other end, in the container; remove it here: {}",
        listed(&all, |other| &other.removal)
    );
    (!all.is_empty()).then(|| Finding::new(Severity::Warning, &at.interface, finding, &remedy))
}

/// An XDP program that is not the instance's.
fn xdp(policy: XdpPolicy, pins: &Pins, link: &Link, is_uplink: bool) -> Option<Finding> {
    let there = link.xdp?;
    let own = pins.own_program(&HookAt::new(&link.name, Hook::Xdp));
    if own == Some(there.program_id) {
        return None;
    }
    let wanted = is_uplink && wants_xdp(policy, &observe::plain_link(link));
    let name = others::program(there.program_id).map(|program| program.name);
    let name = title(&name.unwrap_or_default());
    let mode = if there.native {
        "in the driver"
    } else {
        "in the stack"
    };
    let (severity, means) = match policy {
        _ if !wanted => (Severity::Warning, ""),
        XdpPolicy::Auto => (Severity::Warning, ", and netfwd's own is left out"),
        _ => (Severity::Error, ", and netfwd's own cannot be attached"),
    };
    let finding = format!(
        "{name} (XDP {mode}, program {}) sees every frame first, and what it drops or redirects never comes \
         to netfwd{means}",
        there.program_id
    );
    let device = &link.name;
    let remedy = format!(
        "where that is not wanted, `ip link set dev {device} xdp off`, or end who holds its link"
    );
    Some(Finding::new(severity, device, finding, &remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(id: u32) -> Standing {
        Standing {
            id,
            name: "limit".into(),
        }
    }

    fn filter(priority: u16) -> Filter {
        Filter {
            priority,
            kind: "matchall".into(),
            program: None,
        }
    }

    fn sorted(own: Option<u32>, programs: &[u32], filters: &[u16], tcx: bool) -> [usize; 2] {
        let programs: Vec<Standing> = programs.iter().map(|id| program(*id)).collect();
        let filters: Vec<Filter> = filters.iter().map(|priority| filter(*priority)).collect();
        let others = sort("p0", Hook::Ingress, own, &programs, &filters, tcx);
        [others.before.len(), others.behind.len()]
    }

    #[test]
    fn who_comes_first_is_told_by_the_order() {
        assert_eq!(sorted(Some(7), &[5, 7, 8, 9], &[], true), [1, 2]);
        assert_eq!(sorted(Some(7), &[7], &[], true), [0, 0]);
        assert_eq!(sorted(None, &[5, 6], &[], true), [2, 0], "it comes last");
        assert_eq!(sorted(Some(7), &[7], &[1, 100], true), [0, 2]);
        assert_eq!(sorted(None, &[], &[1, 100], false), [1, 1]);
    }

    #[test]
    fn each_finding_names_who_and_how_to_remove_it() {
        let at = HookAt::new("p0", Hook::Ingress);
        let others = sort(
            "p0",
            Hook::Ingress,
            Some(7),
            &[program(5), program(7)],
            &[filter(1)],
            true,
        );
        let found = in_line(&at, &others);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].finding.contains("program limit (TCX, program 5)"));
        assert!(
            found[1]
                .remedy
                .contains("tc filter del dev p0 ingress pref 1")
        );
        assert_eq!(in_line(&at, &Others::default()), []);
        assert_eq!(passed_by(&at, &Others::default()), None);
    }
}
