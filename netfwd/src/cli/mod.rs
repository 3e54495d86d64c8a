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

use clap::Parser as _;
use clap::error::ErrorKind;

pub use args::Cli;
use args::Command;

use crate::api::Lock;
use crate::client::ClientError;
use crate::config;
use crate::daemon::{self, Options};
use crate::runtime::ChangeError;
use crate::{check, cleanup};

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
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    log_to_stderr(cli.verbose);
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("netfwd: {}", one_line(&failed.sentence));
            failed.code.into()
        }
    }
}

/// Help goes out whole; a mistake is one sentence like every other error.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        print!("{error}");
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        eprint!("{error}");
        return ExitCode::from(2);
    }
    let text = error.to_string();
    let what = text.split("\n\n").next().unwrap_or_default();
    let what = one_line(what.trim_start_matches("error: "));
    eprintln!("netfwd: {what}; `netfwd --help` says what there is");
    ExitCode::from(2)
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
        .init();
}

fn run(cli: Cli) -> Result<(), Failed> {
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
        Command::Cleanup => self::cleanup(&instance),
        Command::Reload => change::reload(&instance),
        Command::Monitor { network } => monitor::monitor(&instance, network.as_deref(), json),
        command => show::or_change(&instance, command, json),
    }
}

/// The instance: `-N`, else the configuration's name, else the hostname.
fn instance(cli: &Cli) -> Result<String, Failed> {
    let given = match (&cli.instance, &cli.command) {
        (Some(name), _) => Some(name.clone()),
        (None, Command::Run { config, .. } | Command::Check { config }) => configured(config),
        (None, _) => configured(Path::new(args::CONFIG)),
    };
    let name = given.unwrap_or_else(hostname);
    config::instance_name(&name).ok_or_else(|| Failed {
        sentence: format!(
            "`{name}` is no name for an instance; use letters, digits, `-`, `_` and `.`"
        ),
        code: 2,
    })
}

/// The name in a configuration; what is wrong with it is said when it is applied.
fn configured(path: &Path) -> Option<String> {
    config::load(path).ok()?.host.name
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
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
    let config = config::load(path).map_err(|error| Failed {
        sentence: error.to_string(),
        code: 2,
    })?;
    let findings = runtime()?
        .block_on(check::check(&config, instance))
        .map_err(Failed::new)?;
    output::print(&findings, json)?;
    if findings.iter().any(check::Finding::is_error) {
        return Err(Failed::new(
            "this host cannot run the configuration; see the findings above",
        ));
    }
    Ok(())
}

fn cleanup(instance: &str) -> Result<(), Failed> {
    let _lock = Lock::take(instance).map_err(Failed::new)?;
    let removed = runtime()?
        .block_on(cleanup::cleanup(instance))
        .map_err(Failed::new)?;
    for what in removed {
        println!("removed {what}");
    }
    Ok(())
}
