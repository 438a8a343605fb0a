//! One screen of how everything stands: whether all is as promised, what needs attention, and a line a rule.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::super::status::RuleStatus;
use super::super::wording::count;
use super::sheet::{Look, Sheet, Sign, Tone};
use crate::record::Standing;

/// So many rules are told of in sentences, and so many have a line.
const SENTENCES: usize = 5;
const LINES: usize = 20;

/// How everything stands.
#[derive(Debug, Clone, Copy)]
pub struct Stand<'a> {
    pub at: Timestamp,
    /// Is everything as promised, also what concerns no single rule?
    pub well: bool,
    pub rules: &'a [RuleStatus],
    /// What concerns no single rule, a line each.
    pub beside: &'a str,
}

pub fn standing(stand: Stand<'_>, look: &Look) -> String {
    let mut rules: Vec<&RuleStatus> = stand.rules.iter().collect();
    rules.sort_by_key(|rule| (Reverse(rule.standing), Reverse(rule.overdue)));
    let mut sheet = Sheet::new(look);
    put_summary(&mut sheet, stand, &rules);
    let wrong = rules.iter().filter(|rule| !rule.standing.is_kept()).count();
    if wrong > 0 {
        sheet.blank();
    }
    for rule in rules.iter().take(wrong.min(SENTENCES)) {
        put_attention(&mut sheet, rule);
    }
    if wrong > SENTENCES {
        sheet.more(2, &format!("{} more that are not kept", wrong - SENTENCES));
    }
    sheet.blank();
    put_table(&mut sheet, &rules);
    sheet.blank();
    for line in stand.beside.lines() {
        sheet.sentence(Tone::Plain, Sign::Between, line, 3);
    }
    sheet.out()
}

/// `2 of 20 rules are not as promised: 1 broken, 1 overdue`
fn put_summary(sheet: &mut Sheet<'_>, stand: Stand<'_>, rules: &[&RuleStatus]) {
    let wrong = rules.iter().filter(|rule| !rule.standing.is_kept()).count();
    let all = if rules.len() == 1 { "1 rule".to_owned() } else { format!("{} rules", rules.len()) };
    let sentence = match wrong {
        _ if rules.is_empty() => "no rule could be looked at".to_owned(),
        0 if stand.well => format!("all kept: {all}"),
        0 => format!("all kept: {all}; but not all is well, see below"),
        wrong => {
            let by_standing = |standing: Standing| {
                let n = rules.iter().filter(|rule| rule.standing == standing).count();
                (n > 0).then(|| format!("{n} {}", standing.label()))
            };
            let worst = [Standing::Broken, Standing::Unknown, Standing::AtRisk, Standing::Overdue];
            let counts: Vec<_> = worst.into_iter().filter_map(by_standing).collect();
            format!("{wrong} of {all} not kept: {}", counts.join(", "))
        }
    };
    let worst = rules.iter().map(|rule| rule.standing).max().unwrap_or(Standing::Unknown);
    let worst = if stand.well { Standing::Kept } else { worst.max(Standing::AtRisk) };
    let line = sheet.line().sign(Tone::of(worst), Sign::of(worst)).space(1).text(Tone::Strong, &sentence);
    sheet.put(line.rest(Tone::Faint, &format!(" ({})", stand.at.strftime("%-d %b %Y %H:%M UTC"))));
}

fn put_attention(sheet: &mut Sheet<'_>, rule: &RuleStatus) {
    let promises = if rule.promises.is_empty() { String::new() } else { format!(" ({})", rule.promises.join(", ")) };
    let head = format!("{}{promises}: {}. {}", rule.rule, rule.standing.label(), rule.reason);
    sheet.sentence(Tone::of(rule.standing), Sign::of(rule.standing), &head, 3);
}

fn put_table(sheet: &mut Sheet<'_>, rules: &[&RuleStatus]) {
    use unicode_width::UnicodeWidthStr as _;
    /// Signs, numbers and the two days.
    const OTHERS: usize = 4 + 1 + 1 + 9 + 2 + 10 + 2 + 12;
    if rules.is_empty() {
        return;
    }
    let shown = if rules.len() <= LINES + 1 { rules.len() } else { LINES };
    let room = sheet.look.width - OTHERS;
    let longest =
        |of: fn(&RuleStatus) -> &str| rules[..shown].iter().map(|rule| of(rule).width()).max().unwrap_or(0).max(6);
    let (rule_width, period) = (longest(|rule| &rule.rule), longest(|rule| &rule.retain));
    let period = period.min((room / 3).max(room.saturating_sub(rule_width)));
    let rule_width = rule_width.min(room - period);
    let head = sheet.line().space(4).left(Tone::Faint, "RULE", rule_width).space(1).left(Tone::Faint, "PERIOD", period);
    let head = head.space(1).right(Tone::Faint, "OVERDUE", 9).space(2).left(Tone::Faint, "LAST RUN", 10);
    sheet.put(head.space(2).rest(Tone::Faint, "NEXT RUN"));
    for rule in &rules[..shown] {
        let line = sheet.line().space(2).sign(Tone::of(rule.standing), Sign::of(rule.standing)).space(1);
        let line = line.left(Tone::Plain, &rule.rule, rule_width).space(1).left(Tone::Plain, &rule.retain, period);
        let tone = if rule.overdue > 0 { Tone::Plain } else { Tone::Faint };
        let line = line.space(1).right(tone, &count(rule.overdue), 9).space(2);
        let last = rule.last_run.as_ref().map_or("never".to_owned(), |last| last.at.strftime("%Y-%m-%d").to_string());
        let next = rule.next_run.map_or("no cron".to_owned(), |next| next.strftime("%d %b %H:%M").to_string());
        sheet.put(line.left(Tone::Plain, &last, 10).space(2).rest(Tone::Plain, &next));
    }
    if rules.len() > shown {
        sheet.more(4, &format!("{} more", rules.len() - shown));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Status;
    use crate::report::status::LastRun;

    const DRAWN: Look = Look { width: 80, drawn: true, colour: false };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn rule(name: &str, standing: Standing, reason: &str, overdue: u64) -> RuleStatus {
        RuleStatus {
            policy: "house".into(),
            database: "main".into(),
            rule: name.into(),
            promises: vec!["A1".into()],
            table: "log".into(),
            action: "delete".into(),
            retain: "30 days".into(),
            standing,
            reason: reason.into(),
            overdue,
            overdue_seconds: 0,
            missed: None,
            paused: None,
            held: 0,
            blocked: 0,
            oldest_kept: None,
            last_run: (overdue == 0).then(|| LastRun {
                run: "r".into(),
                at: at("2026-09-30T02:15:00Z"),
                status: Status::Ok,
                done: 3,
            }),
            last_success: None,
            next_run: Some(at("2026-10-02T02:15:00Z")),
        }
    }

    fn screen(rules: &[RuleStatus], well: bool, beside: &str) -> String {
        standing(Stand { at: at("2026-10-01T02:15:00Z"), well, rules, beside }, &DRAWN)
    }

    #[test]
    fn what_needs_attention_stands_above_the_table() {
        let rules = [
            rule("logins", Standing::Kept, "nothing is past its period", 0),
            rule("technical-logs", Standing::Broken, "the last run: failed", 7_400),
            rule("a-rule-with-a-name-that-is-longer-than-its-column", Standing::Overdue, "it has never run", 12),
        ];
        insta::assert_snapshot!(screen(&rules, false, "mail: 2 waiting; see `tenure mail queue`\n"));
    }

    #[test]
    fn a_summary_says_all_kept_only_where_all_is_well() {
        let kept = [rule("logins", Standing::Kept, "nothing is past its period", 0)];
        assert!(screen(&kept, true, "").starts_with("✓ all kept: 1 rule ("));
        assert!(screen(&kept, false, "died: r\n").starts_with("! all kept: 1 rule; but not all is well"));
        assert!(
            screen(&[], false, "").starts_with("✗ no rule could be looked at")
                || screen(&[], false, "").starts_with("! no rule")
        );
    }

    #[test]
    fn a_hundred_rules_fit_a_screen() {
        let rules: Vec<_> =
            (0..100).map(|i| rule(&format!("rule-{i}"), Standing::Overdue, "it has never run", i + 1)).collect();
        let screen = screen(&rules, false, "");
        assert!(screen.lines().count() <= 45, "{screen}");
        assert!(
            screen.contains("… 95 more that are not kept  (--all)") && screen.contains("… 80 more  (--all)"),
            "{screen}"
        );
    }
}
