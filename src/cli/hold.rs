//! `tenure hold`: what must be kept although a rule says that it is due, by whose order, and until when.

use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde_json::{Value, json};

use super::subject::must_name_somebody;
use super::{Common, Failure, Outcome, answer, say, say_json};
use crate::app::setup::{Pair, Setup};
use crate::base::name::TableName;
use crate::base::time;
use crate::check;
use crate::config::DatabaseConfig;
use crate::db::query::count;
use crate::db::{Access, Connection, DbError, Mode, catalog};
use crate::diagnostic::mistake::{Mistake, nearest};
use crate::execute::{self, Stop};
use crate::ledger::actor;
use crate::ledger::hold::{self, Order, Standing};
use crate::plan::Hold;
use crate::resolve::{self, Context, StandingHold};
use crate::run::{self, orders};
use crate::schedule::{Rule, Schedule};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Keep rows: from the moment this ends, none of them goes
    Add(Add),
    /// Let the next run do what the hold kept
    Release(Release),
    /// Show the holds that stand, with the rows that each covers now
    List {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Its name, as reports show it
    name: String,
    /// Why; reports and the ledger show it, so name the case and not the person
    #[arg(long)]
    reason: String,
    /// By whose order [default: the user]
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    /// Every row that the rule could ever take
    #[arg(long, conflicts_with_all = ["table", "condition", "subject"], required_unless_present_any = ["table", "subject"])]
    rule: Option<String>,
    /// Every row of the person with this key, in all tables that the map of people names
    #[arg(long, value_name = "KEY", conflicts_with_all = ["table", "condition"])]
    subject: Option<String>,
    /// Rows of this table
    #[arg(long)]
    table: Option<String>,
    /// Those for which this is true, in the database's own SQL
    #[arg(long = "where", value_name = "CONDITION")]
    condition: Option<String>,
    /// Its last day, in the policy's time zone [default: until it is released]
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct Release {
    name: String,
    /// Why; the ledger shows it
    #[arg(long)]
    reason: String,
    /// By whose order [default: the user]
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct Place {
    /// A database of the config [default: of `add`, the rule's, the only one or `main`; else all]
    #[arg(long = "in", value_name = "NAME")]
    place: Option<String>,
}

pub(super) fn hold(common: &Common, command: &Command) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    match command {
        Command::Add(wanted) => add(common, &setup, wanted),
        Command::Release(wanted) => release(common, &setup, wanted),
        Command::List { place } => list(common, &setup, place),
    }
}

fn add(common: &Common, setup: &Setup, wanted: &Add) -> Outcome {
    let pair = meant(setup, wanted)?;
    let mut order = order(setup, wanted, pair.schedule)?;
    if setup.schedules.iter().flat_map(|schedule| &schedule.holds).any(|written| written.name == order.name) {
        let sentence = format!(
            "a schedule has a hold `{}`; choose another name, or reports could not tell them apart",
            order.name
        );
        return Err(Failure::Usage(sentence));
    }
    let mut conn = open(setup, pair.database)?;
    if let (Some(key), Some(subject)) = (&wanted.subject, &pair.schedule.subject) {
        must_name_somebody("--subject", key)?;
        order.condition = Some(on_live_tables(setup, &pair, &mut conn, |_, context| {
            resolve::one_person(context, subject, key).map_err(|mistake| without_places(vec![mistake]))
        })?);
    }
    let covered = covered(setup, &pair, &mut conn, &order)?;
    keeps_its_grip(setup, &pair, &mut conn, &order)?;
    if wanted.subject.is_some() && covered.first().is_none_or(|(_, people)| *people == 0) {
        return Err(Failure::Usage(format!(
            "nobody in `{}` has that key, so the hold would cover nothing",
            order.table
        )));
    }
    // By its whole name: what a name without a schema means can change.
    if let Some((table, _)) = covered.into_iter().next() {
        order.table = table;
    }
    let reopen = || setup.config.open(pair.database, Access::ReadWrite);
    let outcome = execute::patiently(&mut conn, &reopen, &Stop::default(), |conn| hold::add(conn, &order, time::now()));
    match outcome.map_err(|halt| Failure::Other(anyhow::anyhow!("nothing was added: {}", halt.sentence())))? {
        hold::Outcome::Done => {
            let sentence = format!("hold `{}` stands; no row that it covers goes from now on", order.name);
            let document = json!({ "hold": order.name, "database": pair.database.name, "stands": true });
            answer(common, &document, &sentence)?;
        }
        hold::Outcome::Not => {
            let sentence = format!("a hold `{}` stands already; release it, or choose another name", order.name);
            return Err(Failure::Usage(sentence));
        }
    }
    Ok(0)
}

/// What the command line orders. A rule stands for its table and condition, so that the hold outlives the rule's name.
fn order(setup: &Setup, wanted: &Add, schedule: &Schedule) -> Result<Order, Failure> {
    let named = |text: &str| {
        TableName::parse(text)
            .map_err(|error| Failure::Usage(format!("--table: {error}; write `table` or `schema.table`")))
    };
    let (table, condition) = match (&wanted.rule, &wanted.table, &schedule.subject) {
        (Some(name), ..) => {
            let rule = rule(setup, name)?;
            (rule.table.clone(), rule.condition.clone())
        }
        (None, None, Some(people)) => (people.table.clone(), None),
        (None, table, _) => (named(table.as_deref().unwrap_or_default())?, wanted.condition.clone()),
    };
    if let Some(empty) =
        [("NAME", &wanted.name), ("--reason", &wanted.reason)].iter().find(|(_, text)| text.trim().is_empty())
    {
        return Err(Failure::Usage(format!("{} is empty; reports and the ledger show it", empty.0)));
    }
    let yesterday = |zone: &jiff::tz::TimeZone, day: Date| day < time::now().to_zoned(zone.clone()).date();
    if let Some(day) =
        wanted.until.filter(|day| setup.schedules.iter().all(|schedule| yesterday(&schedule.policy.timezone, *day)))
    {
        return Err(Failure::Usage(format!("--until: {day} is over, so the hold would cover nothing")));
    }
    Ok(Order {
        name: wanted.name.clone(),
        table,
        of_people: wanted.subject.is_some(),
        condition,
        last_day: wanted.until,
        reason: wanted.reason.clone(),
        by: wanted.by.clone().unwrap_or_else(actor),
    })
}

fn rule<'s>(setup: &'s Setup, name: &str) -> Result<&'s Rule, Failure> {
    let mut found = setup.schedules.iter().flat_map(|schedule| &schedule.rules).filter(|rule| rule.name == name);
    match (found.next(), found.next()) {
        (Some(rule), None) => Ok(rule),
        _ => Err(Failure::Usage(format!("several schedules have a rule `{name}`: name the table with --table"))),
    }
}

fn release(common: &Common, setup: &Setup, wanted: &Release) -> Outcome {
    let by = wanted.by.clone().unwrap_or_else(actor);
    let mut known = Vec::new();
    for pair in places(setup, &wanted.place)? {
        let mut conn = open(setup, pair.database)?;
        known.extend(hold::orders(&mut conn)?.standing.into_iter().map(|standing| standing.order.name));
        if hold::release(&mut conn, &wanted.name, &wanted.reason, &by, time::now())? == hold::Outcome::Done {
            let sentence = format!("hold `{}` is released; the next run does what it kept", wanted.name);
            let document = json!({ "hold": wanted.name, "database": pair.database.name, "stands": false });
            answer(common, &document, &sentence)?;
            return Ok(0);
        }
    }
    let near = nearest(&wanted.name, known.iter().map(String::as_str));
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Err(Failure::Usage(format!("no hold `{}` stands{hint}", wanted.name)))
}

fn list(common: &Common, setup: &Setup, place: &Place) -> Outcome {
    let mut all = Vec::new();
    for pair in places(setup, place)? {
        let mut conn = setup.config.open(pair.database, Access::ReadOnly)?;
        for standing in hold::orders(&mut conn)?.standing {
            let covered = covered(setup, &pair, &mut conn, &standing.order)?;
            all.push((standing, covered.iter().map(|(_, rows)| rows).sum()));
        }
    }
    if common.json {
        let holds: Vec<Value> = all.iter().map(|(standing, rows)| document(standing, *rows)).collect();
        say_json(&json!({ "tenure": env!("CARGO_PKG_VERSION"), "holds": holds }))?;
    } else if all.is_empty() {
        say("no hold was added by hand\n")?;
    } else {
        say(&all.iter().map(|(standing, rows)| line(standing, *rows)).collect::<String>())?;
    }
    Ok(0)
}

/// Without the condition: it may name a person.
fn document(Standing { order, since }: &Standing, rows: u64) -> Value {
    json!({
        "hold": order.name, "table": order.table.to_string(), "of_people": order.of_people,
        "conditional": order.condition.is_some(), "rows": rows,
        "since": since, "until": order.last_day, "by": order.by, "reason": order.reason,
    })
}

fn line(Standing { order, since }: &Standing, rows: u64) -> String {
    let which = match (order.of_people, order.condition.is_some()) {
        (true, _) => "one person, everywhere",
        (false, true) => "by a condition",
        (false, false) => "all rows",
    };
    let until = order.last_day.map_or_else(|| "released".to_owned(), |day| day.to_string());
    format!(
        "{}\n    {} ({which}): {rows} rows now\n    since {} until {until}, by {}\n    {}\n",
        order.name,
        order.table,
        since.strftime("%Y-%m-%d %H:%M UTC"),
        order.by,
        order.reason
    )
}

/// A policy for each database that may hold a hold.
fn places<'s>(setup: &'s Setup, place: &Place) -> Result<Vec<Pair<'s>>, Failure> {
    let mut places = setup.places();
    places.retain(|pair| place.place.as_ref().is_none_or(|name| pair.database.name == *name));
    if places.is_empty() {
        return Err(Failure::Usage("no schedule speaks of that database".to_owned()));
    }
    Ok(places)
}

/// The policy and database that are meant. The control tables of that database hold the hold.
fn meant<'s>(setup: &'s Setup, wanted: &Add) -> Result<Pair<'s>, Failure> {
    let (rule, people) = (wanted.rule.as_deref(), wanted.subject.is_some());
    setup.know_rules(&wanted.rule.iter().cloned().collect::<Vec<_>>())?;
    let has_rule = |pair: &Pair<'_>| rule.is_none_or(|name| pair.schedule.rules.iter().any(|rule| rule.name == name));
    let has_people = |pair: &Pair<'_>| !people || pair.has_people();
    let is_meant = |pair: &Pair<'_>| match &wanted.place.place {
        Some(name) => pair.database.name == *name,
        None => rule.is_some() || people || pair.is_default,
    };
    let mut found = setup.pairs().into_iter().filter(|pair| has_rule(pair) && has_people(pair) && is_meant(pair));
    match (found.next(), found.next()) {
        (Some(first), Some(second)) if people && first.database.name != second.database.name => {
            Err(Failure::Usage("several databases have people: say which one is meant with --in".to_owned()))
        }
        (Some(pair), _) => Ok(pair),
        (None, _) if people => Err(Failure::Usage("no schedule has a [subject] there, so nobody is known".to_owned())),
        (None, _) => {
            let known: Vec<_> = setup.config.databases.keys().cloned().collect();
            let known = known.join(" or --in ");
            Err(Failure::Usage(format!("say in which database: --in {known} (one of which a schedule speaks)")))
        }
    }
}

fn open(setup: &Setup, database: &DatabaseConfig) -> Result<Connection, Failure> {
    let mut conn = setup.config.open(database, Access::ReadWrite)?;
    run::prepare_ledger(&mut conn)?;
    Ok(conn)
}

/// Every table in which the hold would cover rows, by its whole name, and how many; its mistakes, where it cannot be
/// understood.
fn covered(
    setup: &Setup,
    pair: &Pair<'_>,
    conn: &mut Connection,
    order: &Order,
) -> Result<Vec<(TableName, u64)>, Failure> {
    let hold = orders::hold_of(order);
    let standing = StandingHold { schedule: pair.schedule, hold: &hold, by_hand: true };
    on_live_tables(setup, pair, conn, |conn, context| {
        let mistakes = check::hold_conditions(conn, context, &[standing]);
        if !mistakes.is_empty() {
            return Err(without_places(mistakes));
        }
        let places = resolve::one_hold(context, standing).map_err(without_places)?;
        Ok(conn.transaction(Mode::ReadOnly, |conn| count_each(conn, &places))?)
    })
}

/// No map of people on the database changes what the hold asks for, and with it releases what the hold is to keep.
fn keeps_its_grip(setup: &Setup, pair: &Pair<'_>, conn: &mut Connection, order: &Order) -> Result<(), Failure> {
    let hold = orders::hold_of(order);
    on_live_tables(setup, pair, conn, |_, context| {
        let pairs = setup.pairs();
        let here = pairs.iter().filter(|other| other.database.name == pair.database.name);
        let mut released = here.flat_map(|other| {
            let standing = StandingHold { schedule: other.schedule, hold: &hold, by_hand: true };
            resolve::released(context, other.schedule, other.chosen(), standing)
        });
        released.next().map_or(Ok(()), |mistake| Err(without_places(vec![mistake])))
    })
}

/// Of a person's own table both places can cover the person's own row, so the greater number of rows counts.
fn count_each(conn: &mut Connection, places: &[(TableName, Hold)]) -> Result<Vec<(TableName, u64)>, DbError> {
    let mut counts: Vec<(TableName, u64)> = Vec::new();
    for (table, hold) in places {
        let rows = count::covered(conn, table, hold)?;
        match counts.iter_mut().find(|(known, _)| known == table) {
            Some((_, most)) => *most = rows.max(*most),
            None => counts.push((table.clone(), rows)),
        }
    }
    Ok(counts)
}

/// With what the database says of its tables now.
fn on_live_tables<T>(
    setup: &Setup,
    pair: &Pair<'_>,
    conn: &mut Connection,
    act: impl FnOnce(&mut Connection, &Context<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let catalog = conn.transaction(Mode::ReadOnly, catalog::read)?;
    let context = Context {
        catalog: &catalog,
        database: &pair.database.name,
        as_of: setup.as_of,
        naive_zone: &pair.database.naive_timezone,
        guard: Default::default(),
        hmac_key: setup.config.hmac_key.as_ref(),
        maps: &setup.maps_on(pair.database),
    };
    act(conn, &context)
}

/// What was typed stands in no file.
fn without_places(mistakes: Vec<Mistake>) -> Failure {
    Failure::Mistakes(mistakes.into_iter().map(|mistake| Mistake { place: None, ..mistake }).collect())
}
