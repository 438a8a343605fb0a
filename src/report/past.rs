//! What a reader holds a run against: the limit that its oldest rows were promised, and the runs before it.

use jiff::{SignedDuration, Timestamp};

use super::verdict::Verdict;
use super::wording::{count, instant};
use crate::record::{RuleRecord, RunRecord, SinceRecord};

/// The age of the oldest row that stays, beside the one that the rule allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    pub age: SignedDuration,
    /// More than zero.
    pub limit: SignedDuration,
}

impl Age {
    /// `None` where the age, or the limit, is not known, and of rules whose rows bear their own end (`expires`).
    pub fn of(run: &RunRecord, rule: &RuleRecord) -> Option<Self> {
        let age = run.as_of.duration_since(rule.oldest_kept?);
        let limit = run.as_of.duration_since(rule.cutoff?);
        let stays = [rule.held, rule.blocked, rule.skipped, rule.remaining, rule.late] != [0; 5];
        // A date counts to its end, so a row that is not due can be some hours past the instant of the cutoff.
        let age = if stays || age - limit > SignedDuration::from_hours(24) { age } else { age.min(limit) };
        (limit > SignedDuration::ZERO).then_some(Self { age, limit })
    }

    /// Of the limit, rounded down; 0 for a row from the future.
    pub fn percent(self) -> u64 {
        let percent = self.age.as_secs_f64() / self.limit.as_secs_f64() * 100.0;
        // Saturates; the limit is a second at least only in records that make sense.
        percent.max(0.0) as u64
    }

    pub fn is_over(self) -> bool {
        self.age > self.limit
    }

    /// `29 of 30 days`, or by how much it is too old: `382 days past its 30 days`.
    pub fn sentence(self, rule: &RuleRecord) -> String {
        let limit = span(self.limit);
        if self.age.is_negative() {
            return format!("in the future; {limit} are allowed");
        }
        if self.is_over() {
            let only_held = rule.held > 0 && rule.blocked == 0 && rule.remaining == 0;
            let why = if only_held { ", under a hold" } else { "" };
            return format!("{} past its {limit}{why}", span(self.age - self.limit));
        }
        match self.limit.as_hours() {
            0..48 => format!("{} of {limit}", self.age.as_hours()),
            _ => format!("{} of {limit}", count(self.age.as_hours().unsigned_abs() / 24)),
        }
    }
}

/// Whole days, or hours where it is less than two days.
fn span(duration: SignedDuration) -> String {
    let hours = duration.as_hours().unsigned_abs();
    if hours < 48 { format!("{hours} h") } else { format!("{} days", count(hours / 24)) }
}

/// What a run did for a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    pub at: Timestamp,
    /// Rows of the rule's own table and dependent ones.
    pub rows: u64,
}

/// The runs of a rule, oldest first; this one last, but for a dry run, which did nothing.
pub fn runs_of(run: &RunRecord, rule: &RuleRecord) -> Vec<Done> {
    let earlier = rule.trend.iter().map(|point| Done { at: point.at, rows: point.done.saturating_add(point.cascaded) });
    let cascaded = rule.cascaded.values().fold(0, |sum: u64, rows| sum.saturating_add(*rows));
    let this = Done { at: run.started, rows: rule.done.saturating_add(cascaded) };
    earlier.chain((!run.is_dry_run() && !rule.trend.is_empty()).then_some(this)).collect()
}

/// The age of the oldest row after each of a rule's last runs, in whole days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldestOf {
    pub days: Vec<u64>,
    /// What the rule allows now.
    pub limit: u64,
}

/// This run last; `None` where there is no earlier one that knows it, or no limit. Runs that do not know it are left out.
pub fn oldest_of(run: &RunRecord, rule: &RuleRecord) -> Option<OldestOf> {
    let now = Age::of(run, rule)?;
    let days = |age: SignedDuration| u64::try_from(age.as_hours() / 24).unwrap_or(0);
    let earlier = rule.trend.iter().filter_map(|then| Some(days(then.at.duration_since(then.oldest_kept?))));
    let all: Vec<_> = earlier.chain([days(now.age)]).collect();
    (all.len() > 1).then(|| OldestOf { days: all, limit: days(now.limit) })
}

/// What the rule's last run did and left, beside this one; `None` where there was none.
pub fn since_last_run(run: &RunRecord, rule: &RuleRecord) -> Option<String> {
    let last = rule.trend.last()?;
    let stays = rule.held.saturating_add(rule.blocked).saturating_add(rule.remaining);
    let stayed = match (last.stayed, stays) {
        (0, 0) => "none past the period stayed, then as now".to_owned(),
        (then, now) => format!("{} past the period stayed then, {} now", count(then), count(now)),
    };
    let done = match run.is_dry_run() {
        true => format!("{} done then", count(last.done)),
        false => format!("{} done then, {} now", count(last.done), count(rule.done)),
    };
    Some(format!("{done}; {stayed}"))
}

/// What changed since the last run, a sentence each.
pub fn changes(run: &RunRecord, verdict: &Verdict) -> Vec<String> {
    let Some(since) = &run.since else {
        return vec![
            "No earlier run of this policy is known on this database, so there is none to compare with.".into(),
        ];
    };
    let mut said = vec![format!("The last run was {}, on {}.", since.run, instant(since.started))];
    said.push(match since.verdict == verdict.standing {
        true => format!("Its verdict was the same: {}.", since.verdict.label()),
        false => format!("Its verdict was “{}”; now it is “{}”.", since.verdict.label(), verdict.standing.label()),
    });
    said.extend(schedule_changes(run, since));
    if !run.is_dry_run() {
        let done = |of: fn(&RuleRecord) -> u64| count(run.rules.iter().map(|rule| u128::from(of(rule))).sum::<u128>());
        let then = done(|rule| rule.trend.last().map_or(0, |point| point.done));
        said.push(format!("Rows done by these rules: {then} then, {} now.", done(|rule| rule.done)));
    }
    said
}

fn schedule_changes(run: &RunRecord, since: &SinceRecord) -> Vec<String> {
    if since.schedule_digest == run.schedule.digest {
        return vec!["The schedule is the same, byte for byte.".into()];
    }
    let period = |rule: &String| run.schedule.periods.get(rule).map_or(String::new(), |period| format!(" ({period})"));
    let mut said = vec![format!("The schedule changed; its digest was {}", since.schedule_digest)];
    said.extend(since.added.iter().map(|rule| format!("Rule {rule} is new{}.", period(rule))));
    said.extend(since.removed.iter().map(|rule| format!("Rule {rule} is no longer in the schedule.")));
    said.extend(
        since
            .periods
            .iter()
            .map(|change| format!("The period of rule {} was {}; now it is {}.", change.rule, change.was, change.now)),
    );
    said
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn age(hours: i64, limit: i64) -> Age {
        Age { age: SignedDuration::from_hours(hours), limit: SignedDuration::from_hours(limit) }
    }

    #[test]
    fn an_age_is_told_in_days_beside_its_limit() {
        let fine = samples::everything_fine();
        let told = |age: Age| age.sentence(&fine.rules[0]);
        assert_eq!(told(age(29 * 24 + 5, 30 * 24)), "29 of 30 days");
        assert_eq!(told(age(30 * 24, 30 * 24)), "30 of 30 days");
        assert_eq!(told(age(5, 40)), "5 of 40 h");
        assert_eq!(told(age(-5, 40)), "in the future; 40 h are allowed");
    }

    #[test]
    fn a_row_beyond_its_limit_is_called_so_and_by_whose_leave() {
        let over = age(412 * 24, 30 * 24);
        assert!(over.is_over() && over.percent() == 1_373);
        let (held, guarded) = (samples::a_hold(), samples::a_guard());
        assert_eq!(over.sentence(&held.rules[0]), "382 days past its 30 days, under a hold");
        assert_eq!(over.sentence(&guarded.rules[0]), "382 days past its 30 days");
    }

    #[test]
    fn a_date_that_is_not_over_yet_is_within_its_limit() {
        let mut run = samples::everything_fine();
        let hours = |hours| Some(run.rules[0].cutoff.unwrap() - SignedDuration::from_hours(hours));
        let [some_hours, days] = [hours(4), hours(48)];
        run.rules[0].skipped = 0;
        run.rules[0].oldest_kept = some_hours;
        assert_eq!(Age::of(&run, &run.rules[0]).unwrap().sentence(&run.rules[0]), "30 of 30 days");
        run.rules[0].remaining = 1;
        assert_eq!(Age::of(&run, &run.rules[0]).unwrap().sentence(&run.rules[0]), "4 h past its 30 days");
        (run.rules[0].remaining, run.rules[0].oldest_kept) = (0, days);
        assert!(Age::of(&run, &run.rules[0]).unwrap().is_over(), "what nothing explains is not hidden");
    }

    #[test]
    fn rows_that_bear_their_own_end_have_no_age() {
        let mut run = samples::everything_fine();
        assert!(Age::of(&run, &run.rules[0]).is_some());
        run.rules[0].cutoff = Some(run.as_of);
        assert_eq!(Age::of(&run, &run.rules[0]), None);
    }

    #[test]
    fn a_run_stands_last_among_its_predecessors_and_a_dry_run_does_not() {
        let mut run = samples::everything_fine();
        assert_eq!(runs_of(&run, &run.rules[0]).last().unwrap().rows, 1_204_511);
        assert_eq!(runs_of(&run, &run.rules[2]).last().unwrap().rows, 19 + 38, "with what went along");
        assert_eq!(runs_of(&run, &run.rules[1]), [], "a single run is no series");
        run.kind = crate::record::RunKind::DryRun;
        assert_eq!(runs_of(&run, &run.rules[0]).last().unwrap().rows, 1_188_456);
    }

    #[test]
    fn the_oldest_rows_of_the_last_runs_stand_beside_what_is_allowed_now() {
        let run = samples::everything_fine();
        let told = oldest_of(&run, &run.rules[0]).unwrap();
        assert_eq!((told.days, told.limit), (vec![30, 30, 29, 30, 30, 29], 30));
        assert_eq!(oldest_of(&run, &run.rules[1]), None, "no row is known that stays");
    }

    #[test]
    fn what_changed_is_said_in_sentences() {
        let run = samples::a_changed_schedule();
        let said = changes(&run, &super::super::verdict(&run)).join("\n");
        for sentence in [
            "Its verdict was “at risk”; now it is “kept”.",
            "Rule error-logs is new (30 days).",
            "Rule old-exports is no longer in the schedule.",
            "The period of rule technical-logs was 90 days; now it is 30 days.",
        ] {
            assert!(said.contains(sentence), "{said}");
        }
    }
}
