//! What is wrong between the schedules themselves, without any database.

use std::collections::{BTreeSet, HashMap};

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;

use crate::diagnostic::mistake::{Mistake, nearest};
use crate::diagnostic::place::Places;
use crate::schedule::{self, Schedule};

/// The longest id of a promise, in characters: longer ones are sentences.
const LONGEST_PROMISE: usize = 40;

/// Names that are told twice over all files, promises that are no ids, and cron expressions that mean nothing or never
/// come true after `now`. In the order of the schedules.
pub fn offline(schedules: &[&Schedule], now: Timestamp) -> Vec<Mistake> {
    let mut mistakes = names_told_twice(schedules);
    for schedule in schedules {
        let cited = promises(schedule);
        mistakes.extend(without_its_other_half(schedule, &cited));
        mistakes.extend(cited.into_iter().chain(published(schedule)).filter_map(malformed));
        mistakes.extend(crons(schedule).into_iter().filter_map(|cron| never_due(schedule, cron, now)));
    }
    mistakes
}

/// Reads a cron expression of five fields (minute, hour, day, month, weekday), or one like `@daily`.
///
/// # Errors
/// The parser's sentence.
pub fn cron(text: &str) -> Result<Cron, String> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(text).map_err(|error| error.to_string())
}

/// Reports, the ledger and the command line know a rule by its name alone. (Within one file it is refused when read.)
fn names_told_twice(schedules: &[&Schedule]) -> Vec<Mistake> {
    let mut first: HashMap<&str, &Schedule> = HashMap::new();
    let mut mistakes = Vec::new();
    for schedule in schedules.iter().copied() {
        for rule in &schedule.rules {
            let bearer = *first.entry(&rule.name).or_insert(schedule);
            if !std::ptr::eq(bearer, schedule) {
                let file = bearer.source.path.display();
                let message = format!("rule `{}`: a rule of `{file}` bears this name already", rule.name);
                let remedy =
                    "give each rule a name of its own: the ledger and the command line know it by nothing else";
                mistakes.push(Mistake::error(message).remedy(remedy).at(&rule.places, "name"));
            }
        }
    }
    mistakes
}

/// The promises that something says it keeps.
struct Promise<'s> {
    label: String,
    id: &'s str,
    places: &'s Places,
    /// Under which it stands.
    key: &'static str,
}

fn promises(schedule: &Schedule) -> Vec<Promise<'_>> {
    let rules = schedule.rules.iter().map(|rule| (format!("rule `{}`", rule.name), &rule.promises, &rule.places));
    let holds = schedule.holds.iter().map(|hold| (format!("hold `{}`", hold.name), &hold.promises, &hold.places));
    let keeps = schedule.keeps.iter().map(|keep| ("keep".to_owned(), &keep.promises, &keep.places));
    let subject = schedule.subject.iter().map(|subject| ("subject".to_owned(), &subject.promises, &subject.places));
    let data = schedule.subject.iter().flat_map(|subject| &subject.data);
    let data = data.map(|data| (format!("subject data `{}`", data.name()), &data.promises, &data.places));
    let parts = rules.chain(holds).chain(keeps).chain(subject).chain(data);
    let cited = parts.flat_map(|(label, ids, places)| {
        ids.iter().map(move |id| Promise { label: label.clone(), id, places, key: "promise" })
    });
    cited.collect()
}

/// The promises whose sentences the schedule has.
fn published<'s>(schedule: &'s Schedule) -> impl Iterator<Item = Promise<'s>> {
    let published = |promise: &'s schedule::Promise| Promise {
        label: "promise".to_owned(),
        id: &promise.id,
        places: &promise.places,
        key: "id",
    };
    schedule.promises.iter().map(published)
}

/// Sentences that nothing in the schedule keeps, and ids without a sentence where others have one.
fn without_its_other_half(schedule: &Schedule, cited: &[Promise]) -> Vec<Mistake> {
    let ids: BTreeSet<&str> = cited.iter().map(|promise| promise.id).collect();
    let sentences: BTreeSet<&str> = schedule.promises.iter().map(|promise| promise.id.as_str()).collect();
    let unkept = schedule.promises.iter().filter(|promise| !ids.contains(promise.id.as_str()));
    let unkept = unkept.map(|promise| {
        Mistake::warning(format!("promise `{}`: nothing in this schedule keeps it", promise.id))
            .remedy("cite its id as `promise` of a rule, hold, keep, [subject] or [[subject.data]], or take it out")
            .at(&promise.places, "id")
    });
    let mut told = BTreeSet::new();
    let unsaid = cited.iter().filter(|promise| !sentences.is_empty() && !sentences.contains(promise.id));
    let unsaid = unsaid.filter(|promise| told.insert(promise.id)).map(|promise| {
        let remedy = match nearest(promise.id, sentences.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"? Else add a [[promise]] with this `id` and its `text`"),
            None => "add a [[promise]] with this `id` and its `text`".to_owned(),
        };
        Mistake::warning(format!("{}: no [[promise]] says what `{}` is", promise.label, promise.id))
            .remedy(remedy)
            .at(promise.places, promise.key)
    });
    unkept.chain(unsaid).collect()
}

/// An id is what people quote and programs join by: one word.
fn malformed(promise: Promise<'_>) -> Option<Mistake> {
    let is_word = promise.id.starts_with(|c: char| c.is_alphanumeric())
        && promise.id.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/'))
        && promise.id.chars().count() <= LONGEST_PROMISE;
    (!is_word).then(|| {
        Mistake::error(format!("{}: `{}` is no id of a promise", promise.label, promise.id))
            .remedy("write the id that it was published under, in one word, for example `promise = \"A1\"`")
            .at(promise.places, promise.key)
    })
}

struct WrittenCron<'s> {
    label: String,
    text: &'s str,
    places: &'s Places,
}

fn crons(schedule: &Schedule) -> Vec<WrittenCron<'_>> {
    let policy = (String::from("policy"), &schedule.policy.cron, &schedule.policy.places);
    let rules = schedule.rules.iter().map(|rule| (format!("rule `{}`", rule.name), &rule.cron, &rule.places));
    let all = std::iter::once(policy).chain(rules);
    all.filter_map(|(label, text, places)| Some(WrittenCron { label, text: text.as_deref()?, places })).collect()
}

/// An expression can be well formed and still wait for the 30th of February.
fn never_due(schedule: &Schedule, written: WrittenCron<'_>, now: Timestamp) -> Option<Mistake> {
    let mistake = |reason: String, remedy: &str| {
        Some(Mistake::error(format!("{}: {reason}", written.label)).remedy(remedy).at(written.places, "cron"))
    };
    match cron(written.text) {
        Err(reason) => mistake(
            format!("`{}` is no cron expression: {reason}", written.text),
            "write minute, hour, day of the month, month and day of the week: \"15 2 * * *\" is 02:15 every day",
        ),
        Ok(cron) => {
            let zoned = now.to_zoned(schedule.policy.timezone.clone());
            match cron.find_next_occurrence(&zoned, false) {
                Ok(_) => None,
                Err(_) => mistake(format!("`{}` never comes true", written.text), "name a day that exists"),
            }
        }
    }
}
