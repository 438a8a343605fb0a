//! The table of rules: what goes, from where, and how old the oldest of it is beside the limit.

use std::cmp::Reverse;

use jiff::SignedDuration;

use super::super::verdict::RuleVerdict;
use super::super::wording::count;
use super::sheet::{Sheet, Sign, Tone};
use crate::record::{RuleRecord, RunRecord, Standing, Status};

/// So many rules are shown.
const ROOM: usize = 10;

/// Cells of the bar, and how many of them the limit takes.
const BAR: usize = 8;
const LIMIT: usize = 3;

/// The worst first; the entries of a map of people are told of elsewhere.
pub(super) fn put(sheet: &mut Sheet<'_>, run: &RunRecord, judged: &[RuleVerdict]) {
    let mut rules: Vec<_> = run
        .rules
        .iter()
        .zip(judged)
        .filter(|(rule, _)| !rule.is_erasure())
        .map(|(rule, judged)| (rule, judged.standing))
        .collect();
    if rules.is_empty() {
        return;
    }
    rules.sort_by_key(|(rule, standing)| Reverse(weight(run, rule, *standing)));
    // One line tells of one rule as well as of "one more".
    let shown = if rules.len() <= ROOM + 1 { rules.len() } else { ROOM };
    let columns = Columns::of(sheet.look.width, rules.iter().take(shown).map(|(rule, _)| *rule));
    let head = sheet.line().space(4).left(Tone::Faint, "RULE", columns.rule);
    let head = head.space(1).left(Tone::Faint, "TABLE", columns.table);
    sheet.put(head.space(1).right(Tone::Faint, "ROWS", columns.rows).space(2).text(Tone::Faint, "OLDEST / LIMIT"));
    for (rule, standing) in &rules[..shown] {
        put_rule(sheet, run, rule, *standing, &columns);
    }
    if rules.len() > shown {
        sheet.more(4, &format!("{} more", rules.len() - shown));
    }
}

/// What is wrong, then what is the oldest beside its limit, then what is most.
fn weight(run: &RunRecord, rule: &RuleRecord, standing: Standing) -> (Option<Standing>, u64, u64) {
    let wrong = Some(standing).filter(|standing| *standing > Standing::Overdue);
    let rows = rows(run, rule);
    let percent = Reach::of(run, rule).filter(|_| rows > 0).map_or(0, Reach::percent);
    (wrong, percent, rows)
}

/// Rows that would go, or went; of a rule that may not act, those that wait.
pub(super) fn rows(run: &RunRecord, rule: &RuleRecord) -> u64 {
    let waits = run.is_dry_run() || rule.status == Status::Guarded || rule.paused.is_some();
    if waits { rule.remaining } else { rule.done }
}

struct Columns {
    rule: usize,
    table: usize,
    rows: usize,
}

impl Columns {
    fn of<'r>(width: usize, rules: impl Iterator<Item = &'r RuleRecord>) -> Self {
        use unicode_width::UnicodeWidthStr as _;
        /// Signs, numbers, bar and ages.
        const OTHERS: usize = 4 + 1 + 1 + 9 + 2 + BAR + 1 + 19;
        let (mut rule, mut table) = (4, 5);
        for record in rules {
            rule = rule.max(record.rule.width());
            table = table.max(record.table.width());
        }
        let room = width.saturating_sub(OTHERS);
        let of_table = table.min((room * 4 / 9).max(room.saturating_sub(rule)));
        Self { rule: rule.min(room - of_table), table: of_table, rows: 9 }
    }
}

fn put_rule(sheet: &mut Sheet<'_>, run: &RunRecord, rule: &RuleRecord, standing: Standing, columns: &Columns) {
    let (tone, sign) = match rule.action.as_str() {
        _ if standing > Standing::Overdue => (Tone::of(standing), Sign::of(standing)),
        "redact" => (Tone::Doubtful, Sign::Redact),
        "aggregate" => (Tone::Folded, Sign::RollUp),
        _ => (Tone::Bad, Sign::Delete),
    };
    let line = sheet.line().space(2).sign(tone, sign).space(1);
    let line = line.left(Tone::Plain, &rule.rule, columns.rule).space(1).left(Tone::Plain, &rule.table, columns.table);
    let line = line.space(1).right(Tone::Plain, &count(rows(run, rule)), columns.rows).space(2);
    let line = match Reach::of(run, rule) {
        _ if rule.status == Status::Failed => line.rest(Tone::Bad, "failed"),
        Some(reach) => {
            let (within, over) = reach.bar(sheet.look.drawn);
            let empty = BAR - within.chars().count() - over.chars().count();
            let line = line.text(Tone::Plain, &within).text(Tone::Bad, &over).space(empty + 1);
            line.rest(Tone::Plain, &reach.words())
        }
        None if rule.eligible == 0 => line.rest(Tone::Faint, "nothing due"),
        None => line.rest(Tone::Faint, &rule.retain),
    };
    sheet.put(line);
}

/// The age of the oldest row that is due beside the age that is allowed.
#[derive(Debug, Clone, Copy)]
struct Reach {
    age: SignedDuration,
    /// Zero where rows bear their own end, and the age is by how much that is over.
    limit: SignedDuration,
}

impl Reach {
    fn of(run: &RunRecord, rule: &RuleRecord) -> Option<Self> {
        let age = run.as_of.duration_since(rule.oldest_eligible?).max(SignedDuration::ZERO);
        let limit = run.as_of.duration_since(rule.cutoff?).max(SignedDuration::ZERO);
        Some(Self { age, limit })
    }

    /// Of the limit; where there is none, days stand for it.
    fn percent(self) -> u64 {
        let limit = if self.limit.is_zero() { 86_400.0 } else { self.limit.as_secs_f64() };
        (self.age.as_secs_f64() / limit * 100.0) as u64
    }

    /// The part within the limit and the part beyond it.
    fn bar(self, drawn: bool) -> (String, String) {
        const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
        let (full, end) = if drawn { ("█", "▶") } else { ("#", ">") };
        if self.limit.is_zero() {
            return (String::new(), String::new());
        }
        let eighths = usize::try_from(self.percent()).unwrap_or(usize::MAX).saturating_mul(8 * LIMIT) / 100;
        let (cells, part) = (eighths / 8, eighths % 8);
        if cells >= BAR {
            return (full.repeat(LIMIT), full.repeat(BAR - LIMIT - 1) + end);
        }
        let part = if drawn { EIGHTHS[part] } else { "" };
        if cells < LIMIT {
            return (full.repeat(cells) + part, String::new());
        }
        (full.repeat(LIMIT), full.repeat(cells - LIMIT) + part)
    }

    /// `61 d / 30 d`: whole days, or hours where the limit is less than two days.
    fn words(self) -> String {
        let in_hours = !self.limit.is_zero() && self.limit < SignedDuration::from_hours(48);
        let span = |of: SignedDuration| {
            let hours = of.as_hours().unsigned_abs();
            if in_hours { format!("{} h", count(hours)) } else { format!("{} d", count(hours / 24)) }
        };
        if self.limit.is_zero() {
            format!("{} past its end", span(self.age))
        } else {
            format!("{} / {}", span(self.age), span(self.limit))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(age: i64, limit: i64) -> Reach {
        Reach { age: SignedDuration::from_hours(age * 24), limit: SignedDuration::from_hours(limit * 24) }
    }

    fn bar(age: i64, limit: i64, drawn: bool) -> String {
        let (within, over) = reach(age, limit).bar(drawn);
        format!("{within}|{over}")
    }

    #[test]
    fn the_limit_takes_three_cells_and_what_is_far_beyond_points_on() {
        assert_eq!([bar(30, 30, true), bar(60, 30, true)], ["███|", "███|███"]);
        assert_eq!([bar(15, 30, true), bar(45, 30, true)], ["█▌|", "███|█▌"]);
        assert_eq!(
            [bar(79, 30, true), bar(80, 30, true), bar(9_000, 30, true)],
            ["███|████▉", "███|████▶", "███|████▶"]
        );
        assert_eq!([bar(45, 30, false), bar(9_000, 30, false)], ["###|#", "###|####>"]);
        assert_eq!(bar(9_000, 0, true), "|", "there is no limit to draw");
    }

    #[test]
    fn ages_are_whole_days_or_hours_of_short_limits() {
        assert_eq!(reach(4_087, 30).words(), "4,087 d / 30 d");
        assert_eq!(reach(3, 1).words(), "72 h / 24 h");
        assert_eq!(reach(12, 0).words(), "12 d past its end");
    }
}
