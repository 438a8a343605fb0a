//! The log on stderr: one line an event, for people, for programs, or for the journal. LOGGING.md names every event.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;

use clap::ValueEnum;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber, span};
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{Common, Failure, colour};
use crate::base::time;

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A line for people
    Plain,
    /// A line of JSON
    Json,
    /// An entry of the journal, with fields
    Journald,
}

/// Before each field in the journal: `TENURE_RUN`.
const PREFIX: &str = "TENURE";

/// tenure's own events and none of its libraries', whose every step would drown them. `TENURE_LOG` overrides, in the
/// syntax of tracing's filters.
/// With `more` it tells more than others: nobody looks at what the daemon does but in its log.
pub(super) fn start(common: &Common, more: u8) -> Result<(), Failure> {
    let level = match (common.quiet, common.verbose.saturating_add(more)) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let wanted = std::env::var("TENURE_LOG").ok().filter(|filter| !filter.is_empty());
    // The parser of conditions tells of every word in them, and a hold's may name a person.
    let filter = wanted.unwrap_or_else(|| format!("tenure={level}")) + ",sqlparser=off";
    let filter = EnvFilter::new(filter);
    Registry::default().with(filter).with(layer(common.log_format)?).init();
    Ok(())
}

/// Where nobody says, the journal if that is what stderr is, else lines for people.
fn layer(wanted: Option<Format>) -> Result<Box<dyn Layer<FilteredRegistry> + Send + Sync>, Failure> {
    let plain = || Box::new(Lines { format: Format::Plain, is_coloured: colour() });
    Ok(match wanted {
        None if !stderr_is_the_journal() => plain(),
        None | Some(Format::Journald) => match tracing_journald::layer() {
            Ok(journal) => {
                Box::new(journal.with_field_prefix(Some(PREFIX.to_owned())).with_syslog_identifier("tenure".to_owned()))
            }
            Err(_) if wanted.is_none() => plain(),
            Err(error) => {
                return Err(Failure::Usage(format!("--log-format journald: the journal cannot be reached: {error}")));
            }
        },
        Some(Format::Plain) => plain(),
        Some(Format::Json) => Box::new(Lines { format: Format::Json, is_coloured: false }),
    })
}

type FilteredRegistry = tracing_subscriber::layer::Layered<EnvFilter, Registry>;

/// systemd says in `JOURNAL_STREAM` which file it connected to the journal; stderr may be another one by now.
fn stderr_is_the_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    fs::metadata("/proc/self/fd/2").is_ok_and(|stderr| stream == format!("{}:{}", stderr.dev(), stderr.ino()))
}

/// Writes each event as one line.
struct Lines {
    format: Format,
    is_coloured: bool,
}

/// The fields of an event or a span, in the order in which they were given.
#[derive(Debug, Clone, Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn take(&mut self, name: &str) -> Option<Value> {
        let index = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(index).1)
    }

    fn take_text(&mut self, name: &str) -> String {
        match self.take(name) {
            Some(Value::String(text)) => text,
            other => other.map(|value| value.to_string()).unwrap_or_default(),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}").into()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), value.into()));
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(more) = span.extensions().get::<Fields>() {
                let known: BTreeMap<_, _> = fields.0.iter().cloned().collect();
                fields.0.extend(more.0.iter().filter(|(name, _)| !known.contains_key(name)).cloned());
            }
        }
        let level = *event.metadata().level();
        let line = match self.format {
            Format::Json => in_json(level, fields),
            Format::Plain | Format::Journald => self.in_words(level, fields),
        };
        // What cannot be logged must not stop a run.
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }
}

impl Lines {
    /// `2026-11-22T02:15:00.123456Z  INFO run-begins: run begins run=20261122T021500Z-8cc670 …`
    fn in_words(&self, level: Level, mut fields: Fields) -> String {
        let (event, message) = (fields.take_text("event"), fields.take_text("message"));
        let mut line = format!("{} {} ", time::now(), self.coloured(level));
        if !event.is_empty() {
            let _ = write!(line, "{event}: ");
        }
        line.push_str(&on_one_line(&message));
        for (name, value) in &fields.0 {
            let text = match value {
                Value::String(text) if is_word(text) => text.clone(),
                value => value.to_string(),
            };
            let _ = write!(line, " {name}={text}");
        }
        line + "\n"
    }

    fn coloured(&self, level: Level) -> String {
        let colour = match level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            _ => 34,
        };
        if self.is_coloured { format!("\u{1b}[{colour}m{level:>5}\u{1b}[0m") } else { format!("{level:>5}") }
    }
}

fn in_json(level: Level, mut fields: Fields) -> String {
    let mut line = Map::new();
    line.insert("time".to_owned(), time::now().to_string().into());
    line.insert("level".to_owned(), level.to_string().to_lowercase().into());
    for first in ["event", "message"] {
        if let Some(value) = fields.take(first) {
            line.insert(first.to_owned(), value);
        }
    }
    line.extend(fields.0.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Value::Object(line).to_string() + "\n"
}

/// Needs no quotes to be told from what follows.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !['"', '=', '\\'].contains(&c))
}

/// A message may hold the lines of a remedy, or whatever somebody wrote into a name.
fn on_one_line(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}
