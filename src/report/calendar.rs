//! Runs to come as a calendar file: iCalendar, RFC 5545.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::screen::Coming;
use crate::base::visible::visible;

/// Bytes of a line; what is longer is folded.
const LINE: usize = 75;

/// The calendar as of `made`. An event has the same UID whenever it is made, so that a calendar that reads it again has it once.
pub fn calendar(runs: &[Coming], made: Timestamp) -> String {
    let mut out = String::new();
    let mut put = |name: &str, value: &str| out.push_str(&folded(&format!("{name}:{value}")));
    put("BEGIN", "VCALENDAR");
    put("VERSION", "2.0");
    put("PRODID", "-//tenure//runs//EN");
    for run in runs {
        put("BEGIN", "VEVENT");
        put("UID", &uid(run));
        put("DTSTAMP", &instant(made));
        put("DTSTART", &instant(run.at));
        put("SUMMARY", &text(&format!("tenure: {} on {}", run.policy, run.database)));
        let sentences: Vec<_> = std::iter::once(run.rules.join(", ")).chain(run.notes.iter().cloned()).collect();
        put("DESCRIPTION", &text(&sentences.join("; ")));
        put("TRANSP", "TRANSPARENT");
        put("END", "VEVENT");
    }
    put("END", "VCALENDAR");
    out
}

fn uid(run: &Coming) -> String {
    let digest =
        Sha256::digest(format!("{}\n{}\n{}\n{}", run.policy, run.database, run.at, run.rules.join(",")).as_bytes());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}@tenure")
}

fn instant(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Escaped as a TEXT value.
fn text(value: &str) -> String {
    visible(value).replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,")
}

/// Over as many lines as it takes, each but the first after a space, and no character torn apart.
fn folded(line: &str) -> String {
    let mut out = String::new();
    let mut room = LINE;
    for c in line.chars() {
        if c.len_utf8() > room {
            out.push_str("\r\n ");
            room = LINE - 1;
        }
        room -= c.len_utf8();
        out.push(c);
    }
    out + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(policy: &str) -> Coming {
        Coming {
            at: "2026-12-01T02:15:00Z".parse().unwrap(),
            local: "Tue 1 Dec 2026 03:15".into(),
            timezone: "Europe/Oslo".into(),
            policy: policy.into(),
            database: "main".into(),
            rules: vec!["technical-logs".into(), "error-logs".into()],
            notes: vec!["the daemon waits until 2 Dec 01:00".into()],
        }
    }

    #[test]
    fn an_event_a_run() {
        let file = calendar(&[run("Campus privacy policy")], "2026-11-30T16:10:00Z".parse().unwrap());
        assert!(file.lines().count() == file.matches("\r\n").count(), "every line ends as the standard says");
        insta::assert_snapshot!(file.replace("\r\n", "\n"));
    }

    #[test]
    fn no_name_ends_a_line_or_a_value_and_long_lines_are_folded_between_characters() {
        let hostile = "ä".repeat(80) + "a\r\nEND:VCALENDAR;b,c\\";
        let file = calendar(&[run(&hostile)], "2026-11-30T16:10:00Z".parse().unwrap());
        assert_eq!(file.lines().filter(|line| *line == "END:VCALENDAR").count(), 1);
        assert!(file.split("\r\n").all(|line| line.len() <= LINE), "{file}");
        let unfolded = file.replace("\r\n ", "");
        assert!(unfolded.contains("a\\\\r\\\\nEND:VCALENDAR\\;b\\,c\\\\ on main"), "{unfolded}");
    }
}
