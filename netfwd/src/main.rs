//! `netfwd`, the loader and its command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    netfwd::cli::main()
}
