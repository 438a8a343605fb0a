//! What will run when.

use jiff::Timestamp;
use serde::Serialize;

use super::sheet::{Look, Sheet, Sign, Tone};

/// So many runs are shown; all are in the JSON and in the calendar.
const ROOM: usize = 35;

/// A run to come, in the names of the JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coming {
    pub at: Timestamp,
    /// The same by the hands of the policy's clock: `Tue 1 Dec 2026 03:15`.
    pub local: String,
    pub timezone: String,
    pub policy: String,
    pub database: String,
    pub rules: Vec<String>,
    /// What is to be known of this run, in sentences.
    pub notes: Vec<String>,
}

impl Coming {
    /// `19 rules`, or their names where they are few.
    pub fn what(&self) -> String {
        const NAMED: usize = 3;
        match self.rules.len() {
            n if n > NAMED => format!("{n} rules"),
            _ => self.rules.join(", "),
        }
    }
}

/// `unplanned` are the rules that no cron expression makes due.
pub fn coming(runs: &[Coming], unplanned: &[String], days: u16, look: &Look) -> String {
    let mut sheet = Sheet::new(look);
    let head = match runs.len() {
        0 => format!("No run comes in the next {days} days."),
        1 => format!("1 run comes in the next {days} days."),
        n => format!("{n} runs come in the next {days} days."),
    };
    sheet.put(sheet.line().text(Tone::Strong, &head));
    sheet.blank();
    for run in runs.iter().take(ROOM) {
        let at = format!("{} {}", run.local, run.timezone);
        let line =
            sheet.line().space(2).left(Tone::Plain, &at, 36).space(1).left(Tone::Plain, &run.policy, 24).space(1);
        let line = line.rest(Tone::Plain, &format!("{}: {}", run.database, run.what()));
        sheet.put(line);
        for note in &run.notes {
            sheet.put(sheet.line().space(4).rest(Tone::Doubtful, note));
        }
    }
    if runs.len() > ROOM {
        let line = sheet.line().space(2).sign(Tone::Faint, Sign::More);
        sheet.put(line.text(Tone::Faint, &format!(" {} more  (--json, --ics)", runs.len() - ROOM)));
    }
    if !unplanned.is_empty() {
        sheet.blank();
        let sentence = format!("no cron expression says when these run: {}", unplanned.join(", "));
        sheet.sentence(Tone::Doubtful, Sign::Doubtful, &sentence, 4);
    }
    sheet.out()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(day: u8, rules: &[&str]) -> Coming {
        Coming {
            at: format!("2026-12-{day:02}T02:15:00Z").parse().unwrap(),
            local: format!("Tue {day} Dec 2026 03:15"),
            timezone: "Europe/Oslo".into(),
            policy: "Campus privacy policy".into(),
            database: "main".into(),
            rules: rules.iter().map(|&rule| rule.to_owned()).collect(),
            notes: vec![],
        }
    }

    #[test]
    fn runs_are_listed_with_what_they_do() {
        let mut waits = run(2, &["logs"]);
        waits.notes = vec!["the daemon waits until 3 Dec 01:00".into()];
        let all = [run(1, &["a", "b", "c", "d"]), waits];
        insta::assert_snapshot!(coming(&all, &["old (Campus privacy policy)".into()], 14, &Look::PLAIN));
    }

    #[test]
    fn many_runs_fit_a_screen() {
        let all: Vec<_> = (0..400).map(|_| run(1, &["a"])).collect();
        let screen = coming(&all, &[], 14, &Look::PLAIN);
        assert!(screen.lines().count() < 45 && screen.contains("365 more"), "{screen}");
        assert!(coming(&[], &[], 14, &Look::PLAIN).starts_with("No run comes in the next 14 days."));
    }
}
