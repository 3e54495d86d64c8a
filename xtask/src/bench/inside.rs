//! What is kept of the inside of netfwd: its programs' time and length, and its memory.

use anyhow::Result;

use super::memory;
use super::programs::{Program, Ran};
use super::report::{ProgramTime, Report};

impl Report {
    /// Keeps the time of programs under a load. What ran less than once in a hundred times as often as
    /// the busiest is not of the load: a tick of the daemon, an answer to ARP.
    pub fn keep_times(&mut self, load: &str, subject: &str, ran: Vec<Ran>) {
        let most = ran.iter().map(|one| one.runs).max().unwrap_or_default();
        let busy = ran.into_iter().filter(|one| one.runs * 100 >= most);
        self.programs.extend(busy.map(|one| ProgramTime {
            load: load.to_owned(),
            subject: subject.to_owned(),
            host: one.host,
            program: one.program,
            runs: one.runs,
            nanoseconds: one.nanoseconds,
        }));
    }

    /// Keeps how long programs are, the first time that they are seen.
    pub fn keep_code(&mut self, programs: &[Program]) -> Result<()> {
        for program in programs {
            let code = program.code()?;
            if self.code.iter().all(|known| known.program != code.program) {
                self.code.push(code);
            }
        }
        Ok(())
    }

    /// Keeps what an instance holds, once for each case.
    pub fn keep_memory(&mut self, id: &str, instance: &str) -> Result<()> {
        let case = |id: &str| id.split('/').next().unwrap_or_default().to_owned();
        if self
            .memory
            .iter()
            .any(|known| case(&known.load) == case(id))
        {
            return Ok(());
        }
        self.memory.extend(memory::held(id, instance)?);
        self.memory.extend(memory::by_map(id, instance)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(program: &str, runs: u64) -> Ran {
        Ran {
            program: program.to_owned(),
            host: 1,
            runs,
            nanoseconds: 100.0,
        }
    }

    #[test]
    fn programs_that_hardly_ran_are_left_out() {
        let mut report = Report::default();
        let ran = vec![
            ran("port_ingress", 1000),
            ran("neighbour", 9),
            ran("route", 10),
        ];
        report.keep_times("local/x", "netfwd", ran);
        let kept: Vec<_> = report.programs.iter().map(|one| &one.program).collect();
        assert_eq!(kept, ["port_ingress", "route"]);
    }
}
