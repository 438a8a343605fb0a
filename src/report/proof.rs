//! Does a report prove itself? The JSON bears the bytes that its head is the hash of, and they hold the record: whatever of
//! the page differs from them was changed after the run was closed. No database is needed.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::verdict;
use crate::base::signing::PublicKey;
use crate::ledger::chain;
use crate::ledger::verify::{Break, Kind, Witness};
use crate::record::{LedgerRecord, RunRecord};

/// A report that is what its ledger entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub run: String,
    /// Name of the database in the config of whoever ran it; `None` where no rule was run.
    pub database: Option<String>,
    /// Its head, to be held against a ledger.
    pub witness: Witness,
}

/// The documents of a report file: of one run, or of several.
///
/// # Errors
/// Where the text is no JSON, or says something twice: of two values of one name, readers may see either.
pub fn read(text: &str) -> Result<Vec<Value>, serde_json::Error> {
    let mut document = serde_json::from_str::<Once>(text)?.0;
    match document.get_mut("runs").map(Value::take) {
        Some(Value::Array(runs)) => Ok(runs),
        Some(_) => Err(serde_json::Error::custom("`runs` is no list")),
        None => Ok(vec![document]),
    }
}

/// Holds a document against the canonical bytes in it, and its signature against `keys` where there are any.
///
/// # Errors
/// The first thing that does not fit.
pub fn check(document: &Value, keys: &[PublicKey]) -> Result<Sealed, Break> {
    let run = document["run"].as_str().unwrap_or_default();
    check_document(document, keys).map_err(|broken| broken.of_run(run))
}

fn check_document(document: &Value, keys: &[PublicKey]) -> Result<Sealed, Break> {
    if document["kind"] == "dry-run" {
        return Err(Break::new(
            Kind::Missing,
            "the report is that of a dry run, which is in no ledger and proves nothing",
        ));
    }
    let ledger: LedgerRecord = serde_json::from_value(document["ledger"].clone()).map_err(|_| {
        let sentence = "the report names no entry of a ledger: its run was not closed when it was written";
        Break::new(Kind::Missing, sentence)
    })?;
    let number = i64::try_from(ledger.entry).unwrap_or(i64::MAX);
    let here = |kind, sentence: &str| Break::new(kind, sentence).at_entry(number);
    if serde_json::to_value(&ledger).ok().as_ref() != Some(&document["ledger"]) {
        return Err(here(Kind::Changed, "`ledger` in the report says more than tenure writes there"));
    }
    let Some(canonical) = &ledger.canonical else {
        return Err(here(
            Kind::Missing,
            "the report has lost the canonical bytes of its entry, without which it proves nothing",
        ));
    };
    let entry = chain::parse(canonical).filter(|entry| ledger.head == format!("sha256:{}", entry.hash));
    let entry = entry.ok_or_else(|| here(Kind::Changed, "the report's head is not the hash of its canonical bytes"))?;
    let signature = ledger.signature.as_deref();
    if !keys.is_empty()
        && !signature.is_some_and(|signature| keys.iter().any(|key| key.has_signed(&entry.hash, signature)))
    {
        return Err(here(Kind::Changed, "the report does not bear the signature of a key that was given"));
    }
    if entry.number != number || entry.run.as_deref() != document["run"].as_str() || entry.kind != "run" {
        return Err(here(Kind::Changed, "the canonical bytes in the report are those of another entry"));
    }
    let body: Value = serde_json::from_str(&entry.body).unwrap_or_default();
    if let Some(place) = difference(&body["record"], &as_sealed(document), String::new()) {
        return Err(here(Kind::Changed, &format!("`{place}` is not what the run was closed with")));
    }
    let record: RunRecord =
        serde_json::from_value(document.clone()).map_err(|_| here(Kind::Changed, "the report is not that of a run"))?;
    if !verdict_follows(&record, &document["verdict"]) {
        return Err(here(Kind::Changed, "`verdict` does not follow from the rest of the report"));
    }
    let database = record.rules.first().map(|rule| rule.database.clone());
    Ok(Sealed { run: record.run, database, witness: Witness { entry: Some(number), hash: entry.hash } })
}

/// The record as it was closed: before it had an entry, and without what is only derived from it.
fn as_sealed(document: &Value) -> Value {
    let mut record = document.clone();
    if let Value::Object(fields) = &mut record {
        fields.remove("verdict");
        fields.insert("ledger".to_owned(), Value::Null);
    }
    record
}

/// The path of the first thing that differs.
fn difference(sealed: &Value, shown: &Value, path: String) -> Option<String> {
    match (sealed, shown) {
        (Value::Object(sealed), Value::Object(shown)) => {
            let names = sealed.keys().chain(shown.keys().filter(|name| !sealed.contains_key(*name)));
            names.into_iter().find_map(|name| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match (sealed.get(name), shown.get(name)) {
                    (Some(sealed), Some(shown)) => difference(sealed, shown, path),
                    _ => Some(path),
                }
            })
        }
        (Value::Array(sealed), Value::Array(shown)) if sealed.len() == shown.len() => {
            let pairs = sealed.iter().zip(shown).enumerate();
            pairs.into_iter().find_map(|(index, (sealed, shown))| difference(sealed, shown, format!("{path}[{index}]")))
        }
        (sealed, shown) => (sealed != shown).then_some(path),
    }
}

/// Another version of tenure may judge in other words, but not otherwise.
fn verdict_follows(record: &RunRecord, shown: &Value) -> bool {
    let derived = serde_json::to_value(verdict(record)).unwrap_or_default();
    if record.tenure == env!("CARGO_PKG_VERSION") { derived == *shown } else { standings(&derived) == standings(shown) }
}

fn standings(verdict: &Value) -> Vec<&Value> {
    let lists = ["promises", "rules"].into_iter().filter_map(|list| verdict[list].as_array());
    std::iter::once(verdict).chain(lists.flatten()).map(|judged| &judged["standing"]).collect()
}

/// JSON in which no object has two values of one name.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnceVisitor).map(Once)
    }
}

struct OnceVisitor;

impl<'de> Visitor<'de> for OnceVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Once(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Once(value))) = fields.next_entry::<String, Once>()? {
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("something is said twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{json, samples};
    use super::*;
    use crate::db::control::EntryRow;

    /// A record, closed as the ledger closes it.
    fn sealed() -> RunRecord {
        let mut record = samples::a_hold();
        record.tenure = env!("CARGO_PKG_VERSION").to_owned();
        record.ledger = None;
        let body = serde_json::json!({ "record": record, "batches": 0 }).to_string();
        let mut entry = EntryRow {
            number: 7,
            at: 1,
            kind: "run".into(),
            run: Some(record.run.clone()),
            body,
            previous: "0".repeat(64),
            hash: String::new(),
        };
        entry.hash = chain::hash(&entry);
        let head = format!("sha256:{}", entry.hash);
        record.ledger =
            Some(LedgerRecord { entry: 7, head, canonical: Some(chain::canonical(&entry)), signature: None });
        record
    }

    fn document() -> Value {
        read(&json::render(&[sealed()])).unwrap().remove(0)
    }

    /// Every value of the document, changed one at a time.
    fn each_change(value: &Value, tell: &mut dyn FnMut(Value)) {
        match value {
            Value::Object(fields) => {
                for name in fields.keys() {
                    let with = |new: Option<Value>| {
                        let mut fields = fields.clone();
                        match new {
                            Some(new) => fields.insert(name.clone(), new),
                            None => fields.remove(name),
                        };
                        Value::Object(fields)
                    };
                    tell(with(None));
                    each_change(&fields[name], &mut |new| tell(with(Some(new))));
                }
                let mut more = fields.clone();
                more.insert("more".into(), true.into());
                tell(Value::Object(more));
            }
            Value::Array(items) => {
                for index in 0..items.len() {
                    let mut fewer = items.clone();
                    fewer.remove(index);
                    tell(Value::Array(fewer));
                    each_change(&items[index], &mut |new| {
                        let mut items = items.clone();
                        items[index] = new;
                        tell(Value::Array(items));
                    });
                }
            }
            Value::String(text) => tell(format!("{text} ").into()),
            Value::Number(number) => tell((number.as_u64().unwrap() + 1).into()),
            Value::Bool(value) => tell((!value).into()),
            Value::Null => tell(0.into()),
        }
    }

    #[test]
    fn a_report_as_it_was_mailed_proves_itself() {
        let sealed = check(&document(), &[]).unwrap();
        assert_eq!((sealed.witness.entry, sealed.database.as_deref()), (Some(7), Some("main")));
    }

    #[test]
    fn every_change_of_a_single_value_of_a_report_is_found() {
        let mut changes = 0;
        each_change(&document(), &mut |changed| {
            assert!(check(&changed, &[]).is_err(), "{changed:#}");
            changes += 1;
        });
        assert!(changes > 100, "only {changes} changes");
    }

    #[test]
    fn what_was_changed_is_named() {
        let mut changed = document();
        changed["rules"][0]["done"] = 17.into();
        assert_eq!(check(&changed, &[]).unwrap_err().sentence, "`rules[0].done` is not what the run was closed with");
        let mut better = document();
        better["verdict"]["headline"] = "All is well.".into();
        assert!(check(&better, &[]).unwrap_err().sentence.contains("`verdict` does not follow"));
    }

    #[test]
    fn nothing_may_be_said_twice() {
        let text = json::render(&[sealed()]).replacen("\"status\"", "\"status\": \"failed\",\n  \"status\"", 1);
        assert!(read(&text).is_err());
    }

    #[test]
    fn a_dry_run_proves_nothing() {
        let text = json::render(&[samples::a_dry_run_with_sql()]);
        let broken = check(&read(&text).unwrap()[0], &[]).unwrap_err();
        assert!(broken.sentence.contains("dry run"), "{broken}");
    }
}
