//! The command line: arguments, what they do, and how results are printed.

mod args;
mod change;
mod filter;
mod monitor;
mod nat;
mod network;
mod objects;
mod output;
mod port;
mod privileges;
mod report;
mod request;
mod show;
mod translated;
mod values;

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use serde::Serialize;

pub use args::Cli;
use args::Command;

use crate::api::Lock;
use crate::client::ClientError;
use crate::config;
use crate::daemon::{self, Options};
use crate::runtime::ChangeError;
use crate::{check, cleanup, naming};

/// Why a command failed: one sentence, and the exit code.
#[derive(Debug)]
struct Failed {
    sentence: String,
    code: u8,
}

impl Failed {
    /// A failure at work. By value, so that it stands in `map_err`.
    #[expect(clippy::needless_pass_by_value)]
    fn new(sentence: impl ToString) -> Self {
        Self {
            sentence: sentence.to_string(),
            code: 1,
        }
    }

    /// A mistake in the command or the configuration.
    #[expect(clippy::needless_pass_by_value)]
    fn usage(sentence: impl ToString) -> Self {
        Self {
            sentence: sentence.to_string(),
            code: 2,
        }
    }
}

impl From<ClientError> for Failed {
    fn from(error: ClientError) -> Self {
        Self {
            code: error.exit_code(),
            sentence: error.to_string(),
        }
    }
}

impl From<ChangeError> for Failed {
    fn from(error: ChangeError) -> Self {
        Self {
            code: error.exit_code(),
            sentence: error.to_string(),
        }
    }
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    match parse().and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            output::complain(format_args!("netfwd: {}", one_line(&failed.sentence)));
            failed.code.into()
        }
    }
}

/// The command line; `None` where it asked for help, which is printed.
fn parse() -> Result<Option<Cli>, Failed> {
    match matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => Ok(Some(cli)),
        Err(error) => usage(&error).map(|()| None),
    }
}

/// A command that lacks its subcommand is a mistake as any other, where clap would print the help.
fn matches() -> Result<ArgMatches, clap::Error> {
    let strict = |command: clap::Command| command.arg_required_else_help(false);
    strict(Cli::command())
        .mut_subcommands(strict)
        .try_get_matches()
}

/// Help goes out whole; a mistake is one sentence like every other error.
fn usage(error: &clap::Error) -> Result<(), Failed> {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return output::write(|out| write!(out, "{error}")).map(drop);
    }
    let text = error.to_string();
    let what = text.split("\n\n").next().unwrap_or_default();
    let what = one_line(what.trim_start_matches("error: "));
    Err(Failed {
        sentence: format!("{what}; `netfwd --help` says what there is"),
        code: 2,
    })
}

fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

fn log_to_stderr(verbose: bool) {
    let level = if verbose {
        "netfwd=debug,netfwd_ebpf=trace,info"
    } else {
        "warn,netfwd=info"
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("NETFWD_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        // It would say by `eprintln!`, which panics, that standard error cannot be written.
        .log_internal_errors(false)
        .init();
}

fn run(cli: Option<Cli>) -> Result<(), Failed> {
    let Some(cli) = cli else {
        return Ok(());
    };
    log_to_stderr(cli.verbose);
    privileges::require()?;
    let instance = instance(&cli)?;
    let json = cli.json;
    match cli.command {
        Command::Run { config, teardown } => {
            let options = Options {
                instance,
                config,
                teardown,
                trace: cli.verbose,
            };
            daemon(&options)
        }
        Command::Check { config } => self::check(&config, &instance, json),
        Command::Cleanup { keep_state } => self::cleanup(&instance, keep_state, json),
        Command::Reload => change::reload(&instance),
        Command::Monitor { network } => monitor::monitor(&instance, network.as_deref(), json),
        command => show::or_change(&instance, command, json),
    }
}

/// The instance: `-N`, else the configuration's name, else the hostname.
fn instance(cli: &Cli) -> Result<String, Failed> {
    let given = match (&cli.instance, &cli.command) {
        (Some(name), _) => Some(name.clone()),
        (None, Command::Run { config, .. } | Command::Check { config }) => configured(config)?,
        (None, _) => configured(Path::new(args::CONFIG))?,
    };
    let name = given.unwrap_or_else(naming::hostname);
    config::instance_name(&name).ok_or_else(|| {
        Failed::usage(format!(
            "`{name}` is no name for an instance; use letters, digits, `-`, `_` and `.`"
        ))
    })
}

/// The name in a configuration, whatever else is wrong with that: a command for another instance than the one
/// that runs would be worse than none.
fn configured(path: &Path) -> Result<Option<String>, Failed> {
    config::name(path).map_err(Failed::usage)
}

/// One thread: it stays in the network namespace that the process was started in.
fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(|error| Failed::new(format!("cannot start ({error}); free some memory")))
}

fn daemon(options: &Options) -> Result<(), Failed> {
    let done = runtime()?.block_on(daemon::run(options));
    done.map_err(|error| Failed {
        code: error.exit_code(),
        sentence: error.to_string(),
    })
}

fn check(path: &Path, instance: &str, json: bool) -> Result<(), Failed> {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(error) => return refused(&error, json),
    };
    let findings = runtime()?
        .block_on(check::check(&config, instance))
        .map_err(Failed::new)?;
    output::print(&findings, json)?;
    let errors = findings.iter().filter(|finding| finding.is_error());
    errors
        .map(|finding| finding.exit)
        .max()
        .map_or(Ok(()), |code| {
            let sentence =
                "this host cannot run the configuration; see the findings above".to_owned();
            Err(Failed { sentence, code })
        })
}

/// A file that cannot be read is a finding, too, for whoever reads those alone.
fn refused(error: &config::ConfigError, json: bool) -> Result<(), Failed> {
    if json {
        output::print(&[check::Finding::refused(&error.to_string())], true)?;
    }
    Err(Failed::usage(error))
}

fn cleanup(instance: &str, keep_state: bool, json: bool) -> Result<(), Failed> {
    let _lock = Lock::take(instance).map_err(Failed::new)?;
    let state = if keep_state {
        cleanup::State::Stays
    } else {
        cleanup::State::Goes
    };
    let removed = runtime()?
        .block_on(cleanup::cleanup(instance, state))
        .map_err(Failed::new)?;
    if json {
        let removed: Vec<_> = removed
            .iter()
            .map(|what| Removed { removed: what })
            .collect();
        return output::print(&removed, true);
    }
    let lines = removed.iter().map(|what| format!("removed {what}\n"));
    let text: String = lines.collect();
    output::write(|out| out.write_all(text.as_bytes())).map(drop)
}

/// What a cleanup removed.
#[derive(Serialize)]
struct Removed<'a> {
    removed: &'a str,
}
