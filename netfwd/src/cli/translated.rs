//! What is translated: `publish`, `floating` and `session`.

use super::change::change;
use super::filter::Fields;
use super::nat::{FloatingCommand, PublishCommand, SessionArgs, SessionCommand};
use super::show::Shown;
use super::{Failed, output, runtime};
use crate::api::{Flushed, SessionQuery};
use crate::client::Client;
use crate::runtime::{FloatingSpec, Object, Op, PublishSpec};
use crate::show;

const TRANSLATED: Fields = Fields {
    network: Some("network"),
    ..Fields::NONE
};

impl Shown<'_> {
    pub(super) fn publish(&self, command: PublishCommand) -> Result<(), Failed> {
        match command {
            PublishCommand::Show(filter) => self.rows(
                &show::publishes(self.instance).map_err(Failed::new)?,
                &filter,
                TRANSLATED,
                show::PUBLISH_COLUMNS,
            ),
            PublishCommand::Add(args) => change(self.instance, Op::Add, args.into()),
            PublishCommand::Replace(args) => change(self.instance, Op::Replace, args.into()),
            PublishCommand::Del { listen } => {
                let spec = PublishSpec {
                    listen,
                    ..PublishSpec::default()
                };
                change(self.instance, Op::Del, Object::Publish(spec))
            }
        }
    }

    pub(super) fn floating(&self, command: FloatingCommand) -> Result<(), Failed> {
        match command {
            FloatingCommand::Show(filter) => self.rows(
                &show::floatings(self.instance).map_err(Failed::new)?,
                &filter,
                TRANSLATED,
                &[],
            ),
            FloatingCommand::Add(args) => change(self.instance, Op::Add, args.into()),
            FloatingCommand::Replace(args) => change(self.instance, Op::Replace, args.into()),
            FloatingCommand::Del { external } => {
                let spec = FloatingSpec {
                    external,
                    internal: None,
                    uplink: None,
                    network: None,
                };
                change(self.instance, Op::Del, Object::Floating(spec))
            }
        }
    }

    pub(super) fn session(&self, command: SessionCommand) -> Result<(), Failed> {
        match command {
            SessionCommand::Show(args) => self.sessions(args),
            SessionCommand::Flush(args) => self.flush(args),
        }
    }

    fn sessions(&self, args: SessionArgs) -> Result<(), Failed> {
        let filter = SessionQuery::from(args).filter(&self.ids()?)?;
        let rows = show::sessions(self.instance, &filter).map_err(Failed::new)?;
        output::print(&rows, self.json)
    }

    fn flush(&self, args: SessionArgs) -> Result<(), Failed> {
        let (client, query) = (Client::new(self.instance), SessionQuery::from(args));
        query.sound()?;
        let asked = client.ask("/v1/sessions/flush", &query);
        let done: Flushed = runtime()?.block_on(asked)?;
        if self.json {
            return output::print(&[done], true);
        }
        output::say(format_args!("flushed {} sessions", done.flushed))
    }
}
