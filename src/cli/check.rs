//! `tenure check`: everything that can be known before a run.

use super::{Common, Failure, Outcome, say};
use crate::app::overview;
use crate::app::setup::{Pair, Setup};
use crate::check;
use crate::config::Secret;
use crate::db::{Access, Connection, Mode, catalog};
use crate::diagnostic::mistake::{self, Mistake};
use crate::resolve;
use crate::schedule::Schedule;

pub(super) fn check(common: &Common, offline: bool) -> Outcome {
    let setup = if offline { Setup::load(common)? } else { Setup::with_schedules(common)? };
    let schedules: Vec<_> = setup.schedules.iter().collect();
    let mut findings = setup.config.warnings.clone();
    findings.extend(check::offline(&schedules, setup.as_of));
    if !offline {
        findings.extend(live(&setup)?);
        findings.extend(overview::register_lacks(&setup)?.iter().map(|lack| Mistake::warning(lack.to_string())));
    }
    report(common, &findings)?;
    if findings.iter().any(Mistake::is_error) { Err(Failure::Silent(2)) } else { Ok(0) }
}

/// One database after the other, as the role that runs and, where there is one, as the role that plans.
fn live(setup: &Setup) -> Result<Vec<Mistake>, Failure> {
    let mut findings = Vec::new();
    for database in setup.config.databases.values() {
        let pairs: Vec<_> = setup.pairs().into_iter().filter(|pair| pair.database.name == database.name).collect();
        if pairs.is_empty() {
            continue;
        }
        findings.extend(as_role(setup, &pairs, &database.url, true)?);
        if let Some(url) = &database.read_only_url {
            let news = as_role(setup, &pairs, url, false)?.into_iter().filter(|finding| !findings.contains(finding));
            findings.extend(news.collect::<Vec<_>>());
        }
    }
    Ok(findings)
}

/// Each policy of a database, and then all of them together.
fn as_role(setup: &Setup, pairs: &[Pair<'_>], url: &Secret, writes: bool) -> Result<Vec<Mistake>, Failure> {
    let Some(Pair { database, .. }) = pairs.first() else { return Ok(Vec::new()) };
    let mut conn = Connection::open(url.reveal(), Access::ReadOnly)?;
    let catalog = conn.transaction(Mode::ReadOnly, catalog::read)?;
    let context = resolve::Context {
        catalog: &catalog,
        database: &database.name,
        as_of: setup.as_of,
        naive_zone: &database.naive_timezone,
        guard: setup.config.guard,
        hmac_key: setup.config.hmac_key.as_ref(),
        maps: &setup.maps_on(database),
    };
    let mut findings = Vec::new();
    let holds = setup.holds_on(database);
    for pair in pairs {
        let found = check::database(&mut conn, &context, pair.schedule, pair.chosen(), &holds, writes);
        // What is wrong with a hold is wrong for every schedule.
        let news: Vec<_> = found.into_iter().filter(|finding| !findings.contains(finding)).collect();
        findings.extend(news);
    }
    let schedules: Vec<&Schedule> = pairs.iter().map(|pair| pair.schedule).collect();
    let here =
        |named: Option<&str>| named.map_or(pairs.iter().all(|pair| pair.is_default), |name| name == database.name);
    findings.extend(check::across(&schedules, &catalog, here));
    findings.extend(check::coverage(&schedules, &catalog, here));
    Ok(findings)
}

fn report(common: &Common, findings: &[Mistake]) -> Result<(), Failure> {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let warnings = findings.len() - errors;
    if common.json {
        let document = serde_json::json!({ "errors": errors, "warnings": warnings, "findings": findings });
        return Ok(say(&format!("{document:#}\n"))?);
    }
    let total = match (errors, warnings) {
        (0, 0) => "everything fits".to_owned(),
        (errors, warnings) => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    };
    Ok(say(&format!("{}{total}\n", mistake::render(findings, super::colour())))?)
}

fn counted(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}
