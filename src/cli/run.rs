//! `tenure plan`, `tenure run` and `tenure approve`.

use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::{Common, Failure, Outcome, Selection, asked, mail, report, say_as_it_is, screen};
use crate::app::setup::{Pair, Setup, Sources};
use crate::base::time;
use crate::db::{Access, Connection};
use crate::execute::Stop;
use crate::ledger::names::Names;
use crate::ledger::{self, actor, pause};
use crate::record::{ERASURES, RuleRecord, RunKind, RunRecord, Status};
use crate::report::screen::{Typed, runs};
use crate::report::{json, text};
use crate::run::approval::{Approved, Lists};
use crate::run::requests::carry_out;
use crate::run::{self, Consent, Job, Refusal, alarm, files};

/// The dry run.
pub(super) fn plan(common: &Common, selection: &Selection) -> Outcome {
    let setup = Setup::with_schedules(common)?;
    setup.know_rules(&selection.rules)?;
    let (records, refused) = each_pair(&setup, selection, |job, _| run::dry_run(job));
    finish(common, &setup, &records, refused, &Shown::of(common, selection))
}

/// The names of rules in the first line of standard input. Whoever writes it may be anybody whom a socket lets in, so neither
/// its length nor its time is theirs.
pub(super) fn rules_from_stdin() -> Result<Vec<String>, Failure> {
    const LONGEST: u64 = 65_536;
    const PATIENCE: Duration = Duration::from_secs(10);
    let (read, reading) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let outcome = BufReader::new(io::stdin().take(LONGEST)).read_line(&mut line);
        // Nobody waits any more where it took too long.
        let _ = read.send(outcome.map(|_| line));
    });
    let usage = |sentence: &str| Failure::Usage(format!("--rules-from-stdin: {sentence}"));
    let line = reading.recv_timeout(PATIENCE).map_err(|_| usage("no line came within 10 s"))?;
    let line = line.map_err(|error| usage(&format!("the line cannot be read: {error}")))?;
    if line.len() as u64 == LONGEST {
        return Err(usage("the line is too long"));
    }
    Ok(line.split_whitespace().map(str::to_owned).collect())
}

/// Plans, and does it.
pub(super) fn run(common: &Common, selection: &Selection, yes: bool) -> Outcome {
    let setup = Setup::with_schedules(common).inspect_err(|unready| mail::alarm_of_setup(common, unready))?;
    setup.know_rules(&selection.rules)?;
    refuse_future(&setup)?;
    let consent = if yes { Consent::Yes(actor()) } else { Consent::Ask };
    let stop = stop_on_signals()?;
    let (mut records, mut refused) = each_pair(&setup, selection, |job, _| execute(common, job, &consent, &stop));
    if selection.rules.is_empty() || selection.rules.iter().any(|rule| rule == ERASURES) {
        carry_out_requests(&setup, &consent, &stop, &mut records, &mut refused);
    }
    if let Err(error) = asked::remember(common, &setup.config.state_dir, &records) {
        super::to_stderr(format_args!(
            "warning: `tenure approve` will have to be told the schedule and the database: {error}\n"
        ));
    }
    finish(common, &setup, &records, refused, &Shown::of(common, selection))
}

/// After the policies themselves, each request in a run of its own.
fn carry_out_requests(
    setup: &Setup,
    consent: &Consent,
    stop: &Stop,
    records: &mut Vec<RunRecord>,
    refused: &mut Vec<Failure>,
) {
    for pair in setup.pairs().iter().filter(|pair| pair.has_people()) {
        let job = setup.job(pair, &[], false);
        match carry_out(&job, None, consent, stop, &mut |_, _, _| {}) {
            Ok(done) => {
                records.extend(done.records);
                refused.extend(done.refused.into_iter().map(Failure::from));
            }
            Err(refusal) => refused.push(refusal.into()),
        }
    }
}

/// Runs the guarded rules of an earlier run: the same schedule, the same instant, and of the rows that were planned.
pub(super) fn approve(common: &Common, prefix: &str, all: bool) -> Outcome {
    let state_dir = Setup::without_schedules(common)?.config.state_dir;
    let sources = asked::fill_in(Sources::from(common), &state_dir, prefix)?;
    let mut setup = Setup::with_schedules(sources)?;
    let planned = in_ledger(&setup, report::find_one(&setup, prefix)?)?;
    let rules = approvable(&planned)?;
    let (pair, database) = meant(&setup, &planned)?;
    let mut conn = setup.config.open(database, Access::ReadWrite)?;
    if ledger::is_approved(&mut conn, &planned.run)? {
        return Err(approved_before(&planned));
    }
    let policies = setup.policies_on(database);
    may_go_ahead(&mut conn, Names { schedule: pair.schedule, policies: &policies }, &planned, &rules)?;
    let name = pair.schedule.policy.name.clone();
    let lists = Lists::read(&setup.config.state_dir, &planned.run)?;
    let rows = Arc::new(Approved::of(setup.config.hmac_key.as_ref(), lists));
    if !ledger::record_approval(&mut conn, &planned.run, &actor(), time::now())? {
        return Err(approved_before(&planned));
    }
    drop(conn);
    Lists::forget(&setup.config.state_dir, &planned.run);
    asked::forget(&setup.config.state_dir, &planned.run);
    let database = database.name.clone();
    setup.as_of = planned.as_of;
    let consent = Consent::Approved { by: actor(), run: Box::new(planned), rows };
    let stop = stop_on_signals()?;
    let selection = Selection { rules, sql: false, all };
    let (records, refused) = each_pair(&setup, &selection, |job, pair| {
        if pair.schedule.policy.name == name && pair.database.name == database {
            execute(common, job, &consent, &stop).map(Some)
        } else {
            Ok(None)
        }
    });
    let records: Vec<_> = records.into_iter().flatten().collect();
    finish(common, &setup, &records, refused, &Shown::of(common, &selection))
}

fn approved_before(planned: &RunRecord) -> Failure {
    Failure::Usage(format!("run `{}` was approved before; an approval is good for one run", planned.run))
}

/// An approval is good for one run, so none is used up where that run would do nothing.
fn may_go_ahead(conn: &mut Connection, names: Names<'_>, planned: &RunRecord, rules: &[String]) -> Result<(), Failure> {
    let now = time::now();
    let pauses = pause::standing(conn)?;
    for rule in rules {
        if let Some(pause) = pause::of_rule(&pauses, names, rule, now) {
            let name = if pause.record().all { String::new() } else { format!(" {rule}") };
            return Err(Failure::Usage(format!(
                "rule `{rule}` is {}; let it run again with `tenure resume{name}`, and then approve: the approval is not used up",
                pause.record()
            )));
        }
    }
    match names.schedule.policy.takes_effect_after(planned.as_of) {
        None => Ok(()),
        Some(date) => Err(Failure::Usage(format!(
            "run `{}` was planned before {date}, when the schedule takes effect; run it again from that day on, and approve that",
            planned.run
        ))),
    }
}

/// The run as the ledger has it: a file in the state directory can be written by others than us, and can have come from
/// another database. (A dry run is in no ledger, and is refused for what it is.)
fn in_ledger(setup: &Setup, named: RunRecord) -> Result<RunRecord, Failure> {
    if named.kind == RunKind::DryRun {
        return Ok(named);
    }
    let mut found = None;
    setup.each_database(Access::ReadOnly, |_, conn| {
        found = found.take().or(ledger::find(conn, &named.run)?.into_iter().find(|record| record.run == named.run));
        Ok(())
    })?;
    found.ok_or_else(|| Failure::Usage(format!("run `{}` is in no ledger, so it cannot be approved", named.run)))
}

fn approvable(planned: &RunRecord) -> Result<Vec<String>, Failure> {
    if planned.kind == RunKind::DryRun {
        let sentence = format!("`{}` is a dry run; only a run that a guard stopped can be approved", planned.run);
        return Err(Failure::Usage(sentence));
    }
    if planned.is_asked_for() {
        return Err(Failure::Usage(format!(
            "run `{}` was about people of whom it was asked, and an approval would reach others; ask again with --yes: `tenure \
             subject erase KEY --reason TEXT --yes`",
            planned.run
        )));
    }
    let guarded = planned.rules.iter().filter(|rule| rule.status == Status::Guarded);
    let name = |rule: &RuleRecord| if rule.is_erasure() { ERASURES.to_owned() } else { rule.rule.clone() };
    let rules: Vec<_> = guarded.map(name).collect();
    if rules.is_empty() {
        return Err(Failure::Usage(format!("no guard stopped a rule of run `{}`", planned.run)));
    }
    Ok(rules)
}

/// The policy and database of a past run, unchanged since.
fn meant<'a>(setup: &'a Setup, planned: &RunRecord) -> Result<(Pair<'a>, &'a crate::config::DatabaseConfig), Failure> {
    let database = planned.rules.first().map(|rule| rule.database.as_str()).unwrap_or_default();
    let pair = setup
        .pairs()
        .into_iter()
        .find(|pair| pair.schedule.policy.name == planned.schedule.name && pair.database.name == database)
        .ok_or_else(|| {
            Failure::Usage(format!(
                "policy `{}` of run `{}` is not in the schedules",
                planned.schedule.name, planned.run
            ))
        })?;
    if format!("sha256:{}", pair.schedule.digest) != planned.schedule.digest {
        return Err(Failure::Usage(format!(
            "the schedule changed since run `{}` was planned, so it would be another plan; run it again and approve that",
            planned.run
        )));
    }
    let database = pair.database;
    Ok((pair, database))
}

/// What came of each pair, and what could not even begin: one policy or database that is out of order stops no other.
fn each_pair<T>(
    setup: &Setup,
    selection: &Selection,
    mut act: impl FnMut(&Job<'_>, &Pair<'_>) -> Result<T, Refusal>,
) -> (Vec<T>, Vec<Failure>) {
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for pair in setup.pairs() {
        let job = setup.job(&pair, &selection.rules, selection.sql);
        let any_chosen = selection.rules.is_empty() || selection.rules.iter().any(|rule| pair.has_rule(rule));
        if any_chosen {
            match act(&job, &pair) {
                Ok(outcome) => done.push(outcome),
                Err(refusal) => refused.push(refusal.into()),
            }
        }
    }
    (done, refused)
}

fn execute(common: &Common, job: &Job<'_>, consent: &Consent, stop: &Stop) -> Result<RunRecord, Refusal> {
    let bar = progress_bar(common);
    let mut shown = String::new();
    let record = run::run(job, consent, stop, &mut |rule, done, planned| {
        if shown != rule {
            shown = rule.to_owned();
            bar.set_message(shown.clone());
        }
        bar.set_length(planned.max(done));
        bar.set_position(done);
    });
    bar.finish_and_clear();
    alarm::of_run(job, &record);
    record
}

/// On a terminal only.
fn progress_bar(common: &Common) -> ProgressBar {
    if common.quiet || common.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(5));
    let style = ProgressStyle::with_template("{msg:24} {wide_bar} {human_pos}/{human_len} rows, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

/// The first signal ends the run at the next batch boundary, a second one at once: what is in flight is rolled back.
pub(super) fn stop_on_signals() -> Result<Stop, Failure> {
    let stop = Stop::default();
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 4, stop.flag())?;
        signal_hook::flag::register(signal, Arc::clone(&stop.flag()))?;
    }
    Ok(stop)
}

/// What changes anything counts from no instant that has not come.
pub(super) fn refuse_future(setup: &Setup) -> Result<(), Failure> {
    if setup.as_of > time::now() {
        let sentence = "--as-of lies in the future, which only a dry run may look at: use `tenure plan`, or --dry-run";
        return Err(Failure::Usage(sentence.to_owned()));
    }
    Ok(())
}

/// What is printed of runs.
pub(super) enum Shown {
    Json,
    /// The whole report.
    Everything,
    Screen(Typed),
}

impl Shown {
    /// Statements are to be seen whole.
    pub fn of(common: &Common, selection: &Selection) -> Self {
        match selection {
            _ if common.json => Shown::Json,
            Selection { all: true, .. } | Selection { sql: true, .. } => Shown::Everything,
            selection => Shown::Screen(screen::typed(common, selection)),
        }
    }

    /// For a command about one person: what it did to each table is what its reader wants to see.
    pub fn whole(common: &Common) -> Self {
        if common.json { Shown::Json } else { Shown::Everything }
    }

    fn print(&self, records: &[RunRecord]) -> String {
        match self {
            Shown::Json => json::render_all(records),
            Shown::Everything => text::render(records),
            Shown::Screen(typed) => runs(records, typed, &screen::look()),
        }
    }
}

/// Writes the reports, prints them, and says how it went and what could not begin.
pub(super) fn finish(
    common: &Common,
    setup: &Setup,
    records: &[RunRecord],
    refused: Vec<Failure>,
    shown: &Shown,
) -> Outcome {
    let mut refused = refused.into_iter();
    if records.is_empty()
        && let Some(first) = refused.next()
    {
        for more in refused {
            super::explain(more, false);
        }
        return Err(first);
    }
    let mut code = records.iter().max_by_key(|record| record.worst_status()).map_or(0, RunRecord::exit_code);
    for record in records {
        match files::write(&setup.config.state_dir, record) {
            Ok(path) if !common.json && !common.quiet => {
                super::to_stderr(format_args!("reports: {}.{{txt,html,json,csv}}\n", path.display()))
            }
            Ok(_) => {}
            // The run is in the ledger and on the screen; the missing file is a failure all the same.
            Err(error) => {
                super::to_stderr(format_args!("error: {error:#}\n"));
                code = 1;
            }
        }
    }
    say_as_it_is(&shown.print(records))?;
    for failure in refused {
        super::explain(failure, false);
        code = 1;
    }
    Ok(code)
}
