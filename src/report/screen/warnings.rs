//! What a reader has to know or to do something about, a sentence each, the worst first.

use super::super::verdict::{Verdict, people_in_words, requests_in_words};
use super::super::wording::{count, to_do};
use super::sheet::{Sheet, Sign, Tone};
use crate::record::{RunRecord, Standing};

/// So many sentences are shown, over so many lines each.
const ROOM: usize = 5;
const LINES: usize = 2;

pub(super) fn put(sheet: &mut Sheet<'_>, run: &RunRecord, verdict: &Verdict) {
    let all = warnings(run, verdict);
    for (tone, sentence) in all.iter().take(ROOM) {
        let sign = if *tone == Tone::Bad { Sign::Broken } else { Sign::Doubtful };
        sheet.sentence(*tone, sign, sentence, LINES);
    }
    if all.len() > ROOM {
        sheet.more(2, &format!("{} more", all.len() - ROOM));
    }
}

fn warnings(run: &RunRecord, verdict: &Verdict) -> Vec<(Tone, String)> {
    let mut all = of_rules(run, verdict);
    // What is said of people and requests has a place of its own.
    let people = run.people.as_ref().map(|people| people_in_words(people, run.is_dry_run()));
    let requests = run.requests.as_ref().map(requests_in_words);
    let is_told = |reason: &&String| [&people, &requests].into_iter().flatten().any(|told| told == *reason);
    all.extend(verdict.reasons.iter().filter(|reason| !is_told(reason)).map(|reason| (Tone::Doubtful, reason.clone())));
    if let Some(people) = run.people.as_ref().filter(|people| !people.unmapped.is_empty()) {
        let sentence = format!("no entry of the map says what becomes of rows by {}", people.unmapped.join(", "));
        all.push((Tone::Bad, sentence));
    }
    all.extend(of_unknown_age(run).map(|sentence| (Tone::Doubtful, sentence)));
    all.extend(run.notes.iter().map(|note| (Tone::Doubtful, note.clone())));
    all.sort_by_key(|(tone, _)| *tone != Tone::Bad);
    all
}

/// Rules of which the same is said are named together.
fn of_rules(run: &RunRecord, verdict: &Verdict) -> Vec<(Tone, String)> {
    let standing = |name: &str| {
        verdict
            .rules
            .iter()
            .filter(|judged| judged.rule == name)
            .map(|judged| judged.standing)
            .max()
            .unwrap_or(Standing::Unknown)
    };
    let mut told: Vec<(Vec<&str>, String)> = Vec::new();
    for (rule, why) in to_do(run, verdict) {
        match told.iter_mut().find(|(_, known)| *known == why) {
            Some((rules, _)) => rules.push(rule),
            None => told.push((vec![rule], why)),
        }
    }
    let sentence = |(rules, why): (Vec<&str>, String)| {
        let worst = rules.iter().map(|rule| standing(rule)).max().unwrap_or(Standing::Unknown);
        let others = if rules.len() > 1 { format!(" and {} more", rules.len() - 1) } else { String::new() };
        (Tone::of(worst), format!("{}{others}: {why}", rules[0]))
    };
    told.into_iter().map(sentence).collect()
}

fn of_unknown_age(run: &RunRecord) -> Option<String> {
    const NAMED: usize = 3;
    let mut rules: Vec<_> = run.rules.iter().filter(|rule| rule.no_anchor > 0).collect();
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.no_anchor));
    let named: Vec<_> =
        rules.iter().take(NAMED).map(|rule| format!("{} {}", rule.rule, count(rule.no_anchor))).collect();
    let more = if rules.len() > NAMED { format!(", {} more", rules.len() - NAMED) } else { String::new() };
    (!rules.is_empty()).then(|| format!("rows that tell no time are kept: {}{more}", named.join(", ")))
}
