//! The person map: whose data a database holds, where, and what becomes of it when the person leaves.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use super::{Anchor, Cascade, ColumnPath, Guard, Redaction, Scalar, action, check, notation};
use crate::base::name::{Name, TableName};
use crate::base::time::{Deadline, Period, Term as Allowance};
use crate::diagnostic::document::{Item, Table};
use crate::diagnostic::mistake::Mistake;
use crate::diagnostic::place::Places;

/// Who the people are, and the map of their data.
#[derive(Debug, Clone)]
pub struct Subject {
    pub promises: Vec<String>,
    pub database: Option<String>,
    /// The table of people: one row a person.
    pub table: TableName,
    /// The column that tells one person from every other.
    pub key: Name,
    /// When the account was closed; `None`: people go at their request only.
    pub closed: Option<Anchor>,
    /// When the person signed up.
    pub created: Option<Anchor>,
    /// How long a closed account can come back.
    pub grace: Option<Period>,
    /// From the closing to the end of the erasure.
    pub deadline: Deadline,
    /// The same from a request.
    pub request_deadline: Deadline,
    /// Only such rows of the table are people; in the database's own SQL.
    pub condition: Option<String>,
    pub cron: Option<String>,
    /// Of each entry, as of a rule.
    pub guard: Guard,
    /// The most people that a run may erase without being asked.
    pub max_people: Option<u64>,
    /// In the order of the schedule.
    pub data: Vec<Data>,
    pub requests: Option<Requests>,
    /// As that of the policy.
    pub effective: Option<Date>,
    pub places: Places,
}

/// Rows of one table that are a person's, and what becomes of them.
#[derive(Debug, Clone)]
pub struct Data {
    /// What people call the rows, for reports: `Quiz answers`.
    pub title: Option<String>,
    pub promises: Vec<String>,
    pub table: TableName,
    /// To the column that holds the person's key, or the copy that [`matches`](Self::matches) names.
    pub path: ColumnPath,
    /// The end of the path holds a copy of this column of the table of people instead of its key.
    pub matches: Option<Name>,
    /// The copy is compared without case; where none is named by `matches`, the keys that the path states are.
    pub ignore_case: bool,
    /// Only such rows of the table are meant; in the database's own SQL.
    pub condition: Option<String>,
    /// A name for some of the entries, for example `analytics`.
    pub category: Option<String>,
    pub act: DataAct,
    pub cascade: Vec<Cascade>,
    /// The act is meant for rows as well that another entry keeps.
    pub kept_too: bool,
    pub places: Places,
}

#[derive(Debug, Clone)]
pub enum DataAct {
    Delete {
        /// What is redacted just before, for whoever reads the database's log of changes.
        redact_first: Vec<Redaction>,
    },
    Redact(Vec<Redaction>),
    Keep {
        reason: String,
        until: Option<(Period, Vec<Anchor>)>,
        /// What the reason does not cover.
        redact: Vec<Redaction>,
    },
}

/// Requests for erasure that the application writes into a table of its own.
#[derive(Debug, Clone)]
pub struct Requests {
    pub table: TableName,
    /// Holds the key of the person whose data is to go.
    pub key: Name,
    pub requested: Anchor,
    /// True where the asker is known to be the person; in the database's own SQL.
    pub verified: String,
    /// True of requests that are settled.
    pub done: String,
    /// What is set in a request when it is settled.
    pub mark: Vec<(Name, MarkWith)>,
    pub places: Places,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MarkWith {
    /// The instant of the erasure.
    Now,
    Set(Scalar),
}

impl Subject {
    /// Does the policy of the map take effect by this day?
    pub fn is_in_force_on(&self, day: Date) -> bool {
        self.effective.is_none_or(|effective| effective <= day)
    }
}

impl Data {
    /// As messages, reports and the ledger call it: `<table>.<first column of the path>`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.table, self.first_column())
    }

    /// The column of the row itself with which the path begins.
    pub fn first_column(&self) -> &Name {
        first(&self.path)
    }

    pub fn redactions(&self) -> &[Redaction] {
        match &self.act {
            DataAct::Delete { redact_first } => redact_first,
            DataAct::Redact(redactions) | DataAct::Keep { redact: redactions, .. } => redactions,
        }
    }
}

/// `[subject]` with everything below it. `zone` is the policy's.
pub(super) fn subject(root: &Table, zone: &TimeZone) -> Option<Subject> {
    let table = root.get("subject")?.table()?.called("subject".to_owned());
    table.knows(&[
        "promise",
        "database",
        "table",
        "key",
        "closed",
        "created",
        "grace",
        "within",
        "requests_within",
        "weekend",
        "holidays",
        "where",
        "cron",
        "guard",
        "data",
        "requests",
    ]);
    let name = check::target(&table);
    let key = column(&table, "key", "name the column that tells one person from every other");
    let closed = table.get("closed").and_then(|item| check::anchor(&item));
    let created = table.get("created").and_then(|item| check::anchor(&item));
    for (key, anchor) in [("closed", &closed), ("created", &created)] {
        stands_in_the_table(&table, key, anchor.as_ref());
    }
    let grace = grace(&table);
    let deadline = deadlines(&table, zone, grace.as_ref());
    let (guard, max_people) = table.get("guard").and_then(|item| guard(&item)).unwrap_or_default();
    let data: Vec<_> = entries(&table).iter().filter_map(entry).collect();
    let requests = table.get("requests").and_then(|item| requests(&item));
    let (promises, database) = (check::promises(&table), check::database(&table));
    let (condition, cron) = (check::text(&table, "where"), check::text(&table, "cron"));
    let (deadline, request_deadline) = deadline?;
    let (name, key, places) = (name?, key?, table.places());
    let subject = Subject {
        promises,
        database,
        table: name,
        key,
        closed,
        created,
        grace,
        deadline,
        request_deadline,
        condition,
        cron,
        guard,
        max_people,
        data,
        requests,
        effective: None,
        places,
    };
    subject.mistakes().into_iter().for_each(|mistake| root.add(mistake));
    Some(subject)
}

fn column(table: &Table, key: &str, remedy: &str) -> Option<Name> {
    table.require(key, remedy).and_then(|item| item.parse(notation::column))
}

/// Whether a person is due is asked of the person's own row, which is locked for it.
fn stands_in_the_table(table: &Table, key: &str, anchor: Option<&Anchor>) {
    if let (Some(item), Some(anchor)) = (table.get(key), anchor)
        && !anchor.path.hops.is_empty()
    {
        item.refuse("this must stand in the table of people itself", "name a column of that table");
    }
}

fn grace(table: &Table) -> Option<Period> {
    let item = table.get("grace")?;
    let grace = item.parse(notation::period)?;
    if table.get("closed").is_none() {
        item.refuse("there is no closing to count from", "name the column as `closed`, or take `grace` out");
    }
    Some(grace)
}

/// `within` and `requests_within`, on one calendar.
fn deadlines(table: &Table, zone: &TimeZone, grace: Option<&Period>) -> Option<(Deadline, Deadline)> {
    let item = table.require("within", "write the promise: `within = \"30 days\"`, or \"7 business days\"");
    let within = item.as_ref().and_then(|item| item.parse(notation::allowance));
    if let (Some(item), Some(within), Some(grace)) = (&item, &within, grace)
        && !within.outlasts(grace)
    {
        item.refuse(
            format!("an account that can come back for {grace} cannot surely be gone within {within}"),
            "make `grace` shorter, or `within` longer",
        );
    }
    let of_requests = table.get("requests_within").map(|item| item.parse(notation::allowance));
    let (weekend, holidays) = (weekend(table), holidays(table));
    let on_calendar = |term: Allowance| Deadline {
        term,
        zone: zone.clone(),
        weekend: weekend.clone(),
        holidays: holidays.iter().copied().collect(),
    };
    let within = within?;
    let of_requests = match of_requests {
        Some(term) => term?,
        None => within.clone(),
    };
    Some((on_calendar(within), on_calendar(of_requests)))
}

fn weekend(table: &Table) -> Vec<Weekday> {
    const DAYS: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let Some(item) = table.get("weekend") else { return vec![Weekday::Saturday, Weekday::Sunday] };
    let days: Vec<_> = item.list().iter().filter_map(|day| day.choice(&DAYS)).collect();
    if DAYS.iter().all(|(_, day)| days.contains(day)) {
        item.refuse("no day of the week is left to work on", "name the days on which nobody works");
        return Vec::new();
    }
    days
}

fn holidays(table: &Table) -> Vec<Date> {
    let Some(item) = table.get("holidays") else { return Vec::new() };
    item.list().iter().filter_map(Item::date).collect()
}

fn guard(item: &Item) -> Option<(Guard, Option<u64>)> {
    let table = item.table()?;
    table.knows(&["max_rows", "max_share", "max_age", "max_unreadable", "max_people"]);
    let max_people = table.get("max_people").and_then(|item| item.whole(0..=u64::MAX));
    Some((check::limits(&table), max_people))
}

/// `[[subject.data]]`; at least one.
fn entries<'d>(subject: &Table<'d>) -> Vec<Table<'d>> {
    let remedy = "add a [[subject.data]] for each table that holds something of a person";
    if subject.require("data", remedy).is_none() {
        return Vec::new();
    }
    let tables = subject.tables_of("data");
    tables
        .into_iter()
        .map(|table| {
            let text = |key: &str| table.get(key).and_then(|item| item.value().as_str().map(str::to_owned));
            let column =
                text("column").map(|path| notation::column_path(&path).map_or(path, |path| first(&path).to_string()));
            let name = [text("table"), column].into_iter().flatten().collect::<Vec<_>>().join(".");
            table.called(format!("subject data `{name}`"))
        })
        .collect()
}

fn first(path: &ColumnPath) -> &Name {
    path.hops.first().map_or(&path.column, |hop| &hop.column)
}

fn entry(table: &Table) -> Option<Data> {
    table.knows(&[
        "title",
        "promise",
        "table",
        "column",
        "matches",
        "ignore_case",
        "where",
        "category",
        "action",
        "redact",
        "cascade",
        "kept_too",
        "reason",
        "for",
        "anchor",
    ]);
    let name = check::target(table);
    let path = table
        .require("column", "name the column that leads to the person: `account_id`, or `post_id -> post.author_id`")
        .and_then(|item| item.parse(notation::column_path));
    let matches = table.get("matches").map(|item| item.parse(notation::column));
    let ignore_case = ignore_case(table, path.as_ref());
    let act = act(table);
    let cascade = action::cascade(table);
    let kept_too = table.get("kept_too").and_then(|item| item.flag()).unwrap_or_default();
    let category = table.get("category").and_then(|item| item.parse(notation::label));
    let (promises, condition) = (check::promises(table), check::text(table, "where"));
    Some(Data {
        title: check::title(table),
        promises,
        table: name?,
        path: path?,
        matches: match matches {
            Some(matches) => Some(matches?),
            None => None,
        },
        ignore_case,
        condition,
        category,
        act: act?,
        cascade,
        kept_too,
        places: table.places(),
    })
}

fn ignore_case(table: &Table, path: Option<&ColumnPath>) -> bool {
    let Some(item) = table.get("ignore_case") else { return false };
    let has_copies =
        table.get("matches").is_some() || path.is_none_or(|path| path.hops.iter().any(|hop| hop.key.is_some()));
    if !has_copies {
        item.refuse(
            "a key is never compared without case",
            "name the copied column: as `matches`, or in the path as in `address -> user_email(email).user_id`",
        );
    }
    item.flag().unwrap_or_default()
}

#[derive(Clone, Copy, PartialEq)]
enum Word {
    Delete,
    Redact,
    Keep,
}

fn act(table: &Table) -> Option<DataAct> {
    const WORDS: [(&str, Word); 3] = [("delete", Word::Delete), ("redact", Word::Redact), ("keep", Word::Keep)];
    let word = table
        .require("action", "write `action = \"delete\"`, \"redact\" or \"keep\"")
        .and_then(|item| item.choice(&WORDS));
    let redactions = table.get("redact").map(|item| action::redactions(&item));
    if word.is_some_and(|word| word != Word::Keep) {
        for item in ["reason", "for", "anchor"].into_iter().filter_map(|key| table.get(key)) {
            item.refuse("this tells why and how long rows are kept", "write `action = \"keep\"`, or take it out");
        }
    }
    if let (Some(item), Some(Word::Keep)) = (table.get("cascade"), word) {
        item.refuse("a row that is kept stays, so nothing goes with it", "map those tables by entries of their own");
    }
    if let (Some(item), Some(Word::Keep), None) = (table.get("kept_too"), word, &redactions) {
        item.refuse("nothing is done to these rows", "take it out: whoever keeps a row need not say it of others");
    }
    match word? {
        Word::Delete => Some(DataAct::Delete { redact_first: redactions.map_or(Some(Vec::new()), |list| list)? }),
        Word::Redact if redactions.is_none() => {
            table.refuse("the action \"redact\" needs a `redact`", "write for example `redact = { name = \"null\" }`");
            None
        }
        Word::Redact => redactions.flatten().map(DataAct::Redact),
        Word::Keep => {
            let reason = check::reason(table);
            let until = until(table);
            Some(DataAct::Keep { reason: reason?, until, redact: redactions.map_or(Some(Vec::new()), |list| list)? })
        }
    }
}

/// `for` and `anchor` of what is kept, or neither.
fn until(table: &Table) -> Option<(Period, Vec<Anchor>)> {
    match (table.get("for"), table.get("anchor")) {
        (None, None) => None,
        (Some(_), Some(anchor)) => Some((check::period(table, "for")?, check::anchors(&anchor))),
        (Some(item), None) => {
            item.refuse("from when the period counts is not said", "name the column as `anchor`");
            None
        }
        (None, Some(item)) => {
            item.refuse("how long the rows are kept is not said", "add `for = \"10 years\"`");
            None
        }
    }
}

fn requests(item: &Item) -> Option<Requests> {
    let table = item.table()?;
    table.knows(&["table", "key", "requested", "verified", "done", "mark"]);
    let name = check::target(&table);
    let key = column(&table, "key", "name the column that holds the person's key");
    let requested = table
        .require("requested", "name the column that tells when it was asked for")
        .and_then(|item| check::anchor(&item));
    let condition =
        |key: &str, remedy: &str| table.require(key, remedy).and_then(|item| item.text()).map(str::to_owned);
    let verified =
        condition("verified", "write which requests are known to be the person's own: nothing else is acted on");
    let done = condition("done", "write which requests are settled: `done_at IS NOT NULL`");
    stands_in_the_table(&table, "requested", requested.as_ref());
    let mark = table.get("mark").map(|item| marks(&item)).unwrap_or_default();
    Some(Requests {
        table: name?,
        key: key?,
        requested: requested?,
        verified: verified?,
        done: done?,
        mark,
        places: table.places(),
    })
}

fn marks(item: &Item) -> Vec<(Name, MarkWith)> {
    let entries = item.table().map(|table| table.items()).unwrap_or_default();
    let mark = |item: &Item| {
        let name = action::target_column(item)?;
        match item.value().as_str() {
            Some("now") => Some((name, MarkWith::Now)),
            _ => Some((name, MarkWith::Set(action::scalar(item)?))),
        }
    };
    entries.iter().filter_map(mark).collect()
}

impl Subject {
    /// What is wrong between parts that are right by themselves.
    fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for (at, later) in self.data.iter().enumerate() {
            let same = |earlier: &&Data| {
                earlier.table == later.table
                    && earlier.path == later.path
                    && (&earlier.matches, earlier.ignore_case) == (&later.matches, later.ignore_case)
                    && earlier.condition == later.condition
            };
            if self.data[..at].iter().any(|earlier| same(&earlier)) {
                mistakes.push(
                    later
                        .error("column", "an entry before it maps the same rows in the same way")
                        .remedy("join the two, or tell their rows apart by `where`"),
                );
            }
        }
        mistakes
    }
}

impl Data {
    fn error(&self, key: &str, reason: impl AsRef<str>) -> Mistake {
        Mistake::error(format!("subject data `{}`: {}", self.name(), reason.as_ref())).at(&self.places, key)
    }
}
