//! Erases the people of a world and holds everything that tenure says and does against the oracle.

use std::collections::{BTreeMap, BTreeSet};

use tenure::base::name::TableName;
use tenure::base::secret::Secret;
use tenure::config::Config;
use tenure::ledger::erasure::{self, Erased};
use tenure::record::{RuleRecord, RunRecord, Status};

use super::arbitrary::Case;
use super::map::{Map, Own};
use super::oracle::{self, Fate, RowKey};
use super::world::World;
use crate::harness::TestDb;
use crate::properties::judge::{dry_run, execute};

/// What came of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The map was carried out.
    Erased,
    /// No order could carry it out, which was said before anything was done.
    Refused,
}

/// The plan, the run and a second run, each held against what the oracle says of it.
pub fn judge(db: &TestDb, Case { world, map }: &Case) -> Verdict {
    db.script(&world.script(db.dialect));
    let schedule = map.parse(world);
    let state = tempfile::tempdir().expect("a temporary directory can be made");
    let hmac_key = Some(Secret::new("0123456789abcdef0123456789abcdef"));
    let mut config = Config { hmac_key, state_dir: state.path().to_owned(), ..Config::for_url(db.url()) };
    config.databases.values_mut().for_each(|database| database.workers = db.workers);

    let before = db.tables_dump();
    let planned = dry_run(&config, &schedule);
    assert_eq!(db.tables_dump(), before, "a dry run changes nothing");
    if planned.people.is_none() {
        let ran = execute(&config, &schedule);
        assert!(ran.people.is_none() && ran.worst_status() == Status::Failed, "{ran:?}");
        assert_eq!(db.tables_dump(), before, "what is refused does nothing");
        return Verdict::Refused;
    }

    let fate = oracle::foretell(world, map);
    let ran = execute(&config, &schedule);
    assert_ended_well(&ran);
    assert_eq!(world.read(db), fate.after.texts(), "what is left");
    let told = erased(db);
    assert_certificates_add_up(&ran, &told);
    assert_what_is_lost_is_told(world, &fate.after, &ran, &told);
    if db.workers == 1 {
        // All are one batch.
        assert_planned_is_done(&planned, &ran);
        assert_figures(world, &fate, &ran);
        assert_certificates(&config, world, &fate, &ran, &told);
        assert_kept_is_told(&config, world, map, &told);
    } else {
        // A row of two people goes with whoever is first, by the entry that makes it theirs: the figures of single entries are
        // not those of the plan, and who waited for others has a row of the ledger for each time.
        assert_all_have_ended(&planned, &ran, &told);
    }

    let after = db.tables_dump();
    let again = execute(&config, &schedule);
    assert!(
        again.rules.iter().all(|entry| entry.done == 0 && entry.batches == 0),
        "a second run finds work: {again:?}"
    );
    assert_eq!((db.tables_dump(), erased(db).len()), (after, told.len()), "a second run does something");
    Verdict::Erased
}

fn assert_ended_well(ran: &RunRecord) {
    for entry in &ran.rules {
        assert_eq!((entry.status, &entry.error, entry.balances()), (Status::Ok, &None, true), "{entry:?}");
        assert_eq!(entry.remaining, 0, "{entry:?}");
    }
}

fn assert_planned_is_done(planned: &RunRecord, ran: &RunRecord) {
    assert_eq!(planned.rules.len(), ran.rules.len());
    for (plan, run) in planned.rules.iter().zip(&ran.rules) {
        let said = |entry: &RuleRecord| {
            let stayed = (entry.held, entry.blocked, entry.held_by.clone());
            (entry.rule.clone(), entry.eligible, stayed, entry.cascaded.clone(), entry.detached.clone())
        };
        assert_eq!((said(plan), plan.remaining, 0), (said(run), run.done, run.skipped), "{plan:?}\n{run:?}");
    }
    let (plan, run) = (planned.people.as_ref().expect("people"), ran.people.as_ref().expect("people"));
    assert_eq!(
        (plan.due, plan.held, plan.blocked),
        (run.erased + run.in_part, run.held, run.blocked),
        "{plan:?}\n{run:?}"
    );
}

/// Rows that went and rows that changed, table by table, as the run tells and as the oracle does.
fn assert_figures(world: &World, fate: &Fate, ran: &RunRecord) {
    let told = |table: &str, goes: bool| -> u64 {
        let entries = ran.rules.iter().filter(|entry| entry.table == table && (entry.action == "delete") == goes);
        entries.map(|entry| entry.done).sum()
    };
    for number in 0..world.tables.len() {
        let table = World::table_name(number);
        let of = |rows: &BTreeSet<(RowKey, usize)>| rows.iter().filter(|(row, _)| row.0 == number).count() as u64;
        let gone = fate.gone.iter().filter(|row| row.0 == number).count() as u64;
        assert_eq!(told(&table, true), gone, "rows that went from {table}");
        let (surely, perhaps) = (of(&fate.redacted), of(&fate.perhaps_redacted));
        let redacted = told(&table, false);
        assert!((surely..=surely + perhaps).contains(&redacted), "{redacted} rows changed in {table}, not {surely}");
    }
    let own = [&fate.gone_people, &fate.redacted_people].map(|people| people.len() as u64);
    assert_eq!([told("account", true), told("account", false)], own, "people's own rows");
}

fn erased(db: &TestDb) -> Vec<Erased> {
    let mut all = Vec::new();
    let each = erasure::each(&mut db.open(), &mut |erased| {
        all.push(erased);
    });
    each.unwrap_or_else(|error| panic!("{error}"));
    all
}

/// What the certificates say of each entry is what the run says.
fn assert_certificates_add_up(ran: &RunRecord, told: &[Erased]) {
    let parts = told.iter().flat_map(|erased| &erased.counts);
    let certified = parts.map(|(entry, rows)| (entry, rows.done, &rows.cascaded, &rows.detached));
    let done = ran.rules.iter().map(|entry| (&entry.rule, entry.done, &entry.cascaded, &entry.detached));
    assert_eq!(sums_of(certified), sums_of(done), "what all certificates add up to");
    assert!(told.iter().all(|erased| erased.finished.is_some()));
}

type Along = BTreeMap<String, u64>;

/// By entry, and by what went or let go along with its rows.
fn sums_of<'a>(
    parts: impl Iterator<Item = (&'a String, u64, &'a Along, &'a Along)>,
) -> BTreeMap<(String, &'static str, String), u64> {
    let mut sums = BTreeMap::new();
    for (entry, done, cascaded, detached) in parts {
        *sums.entry((entry.clone(), "done", String::new())).or_default() += done;
        for (what, along) in [("cascaded", cascaded), ("detached", detached)] {
            for (name, rows) in along {
                *sums.entry((entry.clone(), what, name.clone())).or_default() += rows;
            }
        }
    }
    sums.retain(|_, rows| *rows > 0);
    sums
}

/// Every row that is gone from any table is on one certificate, by the entry that took it or that it went along with; and so is
/// whatever let go of such a row and stayed.
fn assert_what_is_lost_is_told(before: &World, after: &World, ran: &RunRecord, told: &[Erased]) {
    let deletes: BTreeMap<&str, &str> = ran
        .rules
        .iter()
        .filter(|entry| entry.action == "delete")
        .map(|entry| (entry.rule.as_str(), entry.table.as_str()))
        .collect();
    let (mut gone, mut let_go) = (Along::new(), Along::new());
    for (entry, rows) in told.iter().flat_map(|erased| &erased.counts) {
        if let Some(table) = deletes.get(entry.as_str()) {
            *gone.entry((*table).to_owned()).or_default() += rows.done;
        }
        rows.cascaded.iter().for_each(|(table, rows)| *gone.entry(table.clone()).or_default() += rows);
        rows.detached.iter().for_each(|(reference, rows)| *let_go.entry(reference.clone()).or_default() += rows);
    }
    gone.retain(|_, rows| *rows > 0);
    let (before, after) = (before.texts(), after.texts());
    let mut lost = Along::new();
    for (table, _) in before.keys().filter(|row| !after.contains_key(row)) {
        *lost.entry(table.clone()).or_default() += 1;
    }
    assert_eq!(gone, lost, "what all certificates say that is gone");
    let mut loose = Along::new();
    for ((table, id), values) in before.iter().filter(|((table, _), _)| table.starts_with('a') && table != "account") {
        let Some(now) = after.get(&(table.clone(), id.clone())) else { continue };
        for column in (0..values.len()).filter(|column| values[*column] != now[*column]) {
            *loose.entry(format!("{table}.on{column}")).or_default() += 1;
        }
    }
    let is_told = |(reference, rows): (&String, &u64)| let_go.get(reference).is_some_and(|told| told >= rows);
    assert!(loose.iter().all(is_told), "{loose:?} of {let_go:?} that certificates tell of");
}

/// Everybody who was due has an end, and whoever is told to be erased has a certificate.
fn assert_all_have_ended(planned: &RunRecord, ran: &RunRecord, told: &[Erased]) {
    let (plan, people) = (planned.people.as_ref().expect("people"), ran.people.as_ref().expect("people"));
    assert_eq!([people.unfinished, people.remaining], [0; 2], "nobody is left: {people:?}");
    assert_eq!(plan.due, people.erased + people.in_part + people.skipped, "{people:?}");
    let certified: BTreeSet<_> = told.iter().map(|erased| &erased.person).collect();
    assert_eq!(certified.len() as u64, people.erased + people.in_part, "each has a certificate: {people:?}");
}

/// By person: the rows that went or changed, by table and whether they went. Together they are what the run did, and nobody
/// is told more than theirs, or less than what is theirs alone.
fn assert_certificates(config: &Config, world: &World, fate: &Fate, ran: &RunRecord, told: &[Erased]) {
    let people = ran.people.as_ref().expect("people");
    assert_eq!(told.len() as u64, people.erased + people.in_part, "one certificate a person");
    assert_eq!(
        told.iter().filter(|erased| erased.is_whole()).count() as u64,
        people.erased,
        "who is whole: {people:?}"
    );
    assert_eq!([people.unfinished, people.remaining, people.skipped], [0; 3], "nobody is left: {people:?}");
    let certified = |person: u8| -> u64 {
        let own = told.iter().filter(|erased| erased.person == pseudonym(config, world, person));
        own.flat_map(|erased| erased.counts.values()).map(|rows| rows.done).sum()
    };
    let whose = |row: &RowKey| &fate.whose[row];
    let changes: Vec<_> = fate.gone.iter().chain(fate.redacted.iter().map(|(row, _)| row)).map(whose).collect();
    let perhaps: Vec<_> = fate.perhaps_redacted.iter().map(|(row, _)| whose(row)).collect();
    for person in world.people.keys() {
        let own = u64::from(fate.gone_people.contains(person) || fate.redacted_people.contains(person));
        let among = changes.iter().filter(|whose| whose.contains(person));
        let (all, alone) = (among.clone().count() as u64, among.filter(|whose| whose.len() == 1).count() as u64);
        let all = all + perhaps.iter().filter(|whose| whose.contains(person)).count() as u64;
        let rows = certified(*person);
        assert!((own + alone..=own + all).contains(&rows), "{rows} rows of person {person}, not {}", own + all);
    }
}

fn pseudonym(config: &Config, world: &World, person: u8) -> tenure::base::pseudonym::Pseudonym {
    let table = TableName::parse("account").expect("a name");
    config.pseudonyms().expect("there is a key").of(&table, &world.key_text(person))
}

/// What stays for its ground is on the certificate of whoever has one; a row of several people is on one of theirs.
fn assert_kept_is_told(config: &Config, world: &World, map: &Map, told: &[Erased]) {
    let kept: Vec<_> =
        map.entries.iter().filter(|entry| !entry.acts()).map(|entry| oracle::found_by(world, map, entry)).collect();
    let own = u64::from(map.own == Own::Keep);
    for person in world.people.keys() {
        let name = pseudonym(config, world, *person);
        let theirs = kept.iter().flatten().filter(|(_, whose)| whose.contains(person));
        let (all, alone) = (theirs.clone().count() as u64, theirs.filter(|(_, whose)| whose.len() == 1).count() as u64);
        for erased in told.iter().filter(|erased| erased.person == name) {
            let of_entries = erased.counts.iter().filter(|(name, _)| name.starts_with("keep:"));
            let rows: u64 = of_entries.map(|(_, rows)| rows.kept).sum();
            assert!((own + alone..=own + all).contains(&rows), "{rows} rows kept of person {person}, not {all}");
        }
    }
}
