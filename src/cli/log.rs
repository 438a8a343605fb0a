//! The log on stderr: one line an event, for people, for programs, or for the journal. LOGGING.md names every event.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::panic;
use std::sync::OnceLock;

use clap::ValueEnum;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber, span};
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::journal::Journal;
use super::{Common, Failure, colour};
use crate::base::time;
use crate::base::visible::visible;
use crate::report::json::escape_unseen;

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

/// How this process logs, once it does.
static FORMAT: OnceLock<Format> = OnceLock::new();

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
    let lines = lines(common.log_format)?;
    if FORMAT.set(lines.format()).is_ok() && lines.format() == Format::Json {
        panic::set_hook(Box::new(|defect| write_line(&json_line(Level::ERROR, "defect", &defect.to_string()))));
    }
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| Failure::Usage(format!("TENURE_LOG is no filter: {error}")))?;
    Registry::default().with(filter).with(lines).init();
    Ok(())
}

/// Where each line of stderr is to be one of JSON, what a command says beside its result is an event like any other. Whether it
/// was written.
pub(super) fn told_in_json(level: Level, event: &str, message: &str) -> bool {
    let is_json = FORMAT.get().map_or_else(asked_for_json, |format| *format == Format::Json);
    if is_json {
        write_line(&json_line(level, event, message));
    }
    is_json
}

/// Before the command line is understood, where it may be what is wrong.
fn asked_for_json() -> bool {
    let words: Vec<_> = std::env::args_os().collect();
    let beside = words.windows(2).any(|pair| pair[0] == "--log-format" && pair[1] == "json");
    beside || words.iter().any(|word| word == "--log-format=json")
}

fn json_line(level: Level, event: &str, message: &str) -> String {
    in_json(level, Fields(vec![("event", event.into()), ("message", message.into())]))
}

/// What cannot be logged must not stop a run.
fn write_line(line: &str) {
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Where nobody says, the journal if that is what stderr is, else lines for people.
fn lines(wanted: Option<Format>) -> Result<Lines, Failure> {
    let plain = Lines::Plain { is_coloured: colour() };
    Ok(match wanted {
        None if !stderr_is_the_journal() => plain,
        None | Some(Format::Journald) => match Journal::connect() {
            Ok(journal) => Lines::Journal(journal),
            Err(_) if wanted.is_none() => plain,
            Err(error) => {
                return Err(Failure::Usage(format!("--log-format journald: the journal cannot be reached: {error}")));
            }
        },
        Some(Format::Plain) => plain,
        Some(Format::Json) => Lines::Json,
    })
}

/// systemd says in `JOURNAL_STREAM` which file it connected to the journal; stderr may be another one by now.
fn stderr_is_the_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    fs::metadata("/proc/self/fd/2").is_ok_and(|stderr| stream == format!("{}:{}", stderr.dev(), stderr.ino()))
}

/// Writes each event as one line.
enum Lines {
    Plain { is_coloured: bool },
    Json,
    Journal(Journal),
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
        match self {
            Lines::Plain { is_coloured } => write_line(&in_words(level, fields, *is_coloured)),
            Lines::Json => write_line(&in_json(level, fields)),
            Lines::Journal(journal) => {
                let message = fields.take_text("message");
                journal.write(level, &message, &fields.0);
            }
        }
    }
}

impl Lines {
    fn format(&self) -> Format {
        match self {
            Lines::Plain { .. } => Format::Plain,
            Lines::Json => Format::Json,
            Lines::Journal(_) => Format::Journald,
        }
    }
}

/// `2026-11-22T02:15:00.123456Z  INFO run-begins: run begins run=20261122T021500Z-8cc670 …`. A message may hold the lines of a
/// remedy, or whatever was written into a name.
fn in_words(level: Level, mut fields: Fields, is_coloured: bool) -> String {
    let (event, message) = (fields.take_text("event"), fields.take_text("message"));
    let mut line = format!("{} {} ", time::now(), shown(level, is_coloured));
    if !event.is_empty() {
        let _ = write!(line, "{event}: ");
    }
    line.push_str(&visible(&message));
    for (name, value) in &fields.0 {
        let text = match value {
            Value::String(text) if is_word(text) => text.clone(),
            value => visible(&value.to_string()),
        };
        let _ = write!(line, " {name}={text}");
    }
    line + "\n"
}

fn shown(level: Level, is_coloured: bool) -> String {
    let colour = match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        _ => 34,
    };
    if is_coloured { format!("\u{1b}[{colour}m{level:>5}\u{1b}[0m") } else { format!("{level:>5}") }
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
    escape_unseen(&Value::Object(line).to_string()) + "\n"
}

/// Needs no quotes to be told from what follows.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !['"', '=', '\\'].contains(&c))
}
