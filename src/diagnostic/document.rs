//! A walk over a TOML document that gathers every mistake on its way, with its place.
//!
//! Getters answer `None` for what is missing or malformed and note the mistake by themselves, so that a reader goes on and
//! finds the next one. Whatever was noted, [`read`] hands nothing out while an error is among it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::Date;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::flaw::Flaw;
use crate::diagnostic::mistake::{Mistake, nearest};
use crate::diagnostic::place::{Places, Source};

/// Walks `text` with `walk`, which is given the whole document as the table called `subject`.
///
/// Mistakes are shown in the lines of `source`, whose bytes stand where those of `text` do; the two differ only where a
/// secret was covered up.
///
/// # Errors
/// All mistakes, in the order of the file. Warnings alone are handed out beside the result.
pub(crate) fn read<T>(
    source: Arc<Source>,
    text: &str,
    subject: &str,
    walk: impl FnOnce(&Table) -> Option<T>,
) -> Result<(T, Vec<Mistake>), Vec<Mistake>> {
    let parsed = DeTable::parse(text).map_err(|error| vec![syntax_mistake(&source, &error)])?;
    let document = Document { source, mistakes: RefCell::default() };
    let root = Table {
        document: &document,
        subject: subject.to_owned(),
        path: String::new(),
        entries: parsed.get_ref(),
        span: 0..0,
    };
    let result = walk(&root);
    let mut mistakes = document.mistakes.into_inner();
    mistakes.sort_by_key(|mistake| mistake.place.as_ref().map(|place| place.span.start));
    match result {
        Some(value) if !mistakes.iter().any(Mistake::is_error) => Ok((value, mistakes)),
        _ => Err(mistakes),
    }
}

fn syntax_mistake(source: &Arc<Source>, error: &toml::de::Error) -> Mistake {
    let end = source.text.len();
    Mistake::error(format!("this is no TOML: {}", error.message())).at_span(source, error.span().unwrap_or(end..end))
}

struct Document {
    source: Arc<Source>,
    mistakes: RefCell<Vec<Mistake>>,
}

impl Document {
    fn note(&self, mistake: Mistake, span: &Range<usize>) {
        self.mistakes.borrow_mut().push(mistake.at_span(&self.source, span.clone()));
    }
}

/// A table of the document.
#[derive(Clone)]
pub(crate) struct Table<'d> {
    document: &'d Document,
    /// How messages name the thing that it describes: ``rule `logs` ``.
    subject: String,
    /// Where it stands in that thing: empty, or `aggregate.`
    path: String,
    entries: &'d DeTable<'d>,
    span: Range<usize>,
}

impl<'d> Table<'d> {
    /// The same table as a thing of its own, with a name for messages.
    pub fn called(self, subject: String) -> Self {
        Self { subject, path: String::new(), ..self }
    }

    pub fn get(&self, key: &str) -> Option<Item<'d>> {
        self.items().into_iter().find(|item| item.name() == key)
    }

    /// The value of a key that must be there.
    pub fn require(&self, key: &str, remedy: &str) -> Option<Item<'d>> {
        let item = self.get(key);
        if item.is_none() {
            self.refuse(format!("`{}{key}` is missing", self.path), remedy);
        }
        item
    }

    /// All entries, in the order of the file.
    pub fn items(&self) -> Vec<Item<'d>> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let item = |(key, value): (&'d toml::Spanned<toml::de::DeString<'d>>, &'d toml::Spanned<DeValue<'d>>)| Item {
            document: self.document,
            subject: self.subject.clone(),
            path: format!("{}{}", self.path, key.get_ref()),
            name: key.get_ref(),
            key_span: key.span(),
            value: value.get_ref(),
            span: value.span(),
        };
        entries.into_iter().map(item).collect()
    }

    /// Notes every key that is not among `known`, with the nearest that is.
    pub fn knows(&self, known: &[&str]) {
        for item in self.items().iter().filter(|item| !known.contains(&item.name())) {
            let remedy = match nearest(item.name(), known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            let mistake = Mistake::error(format!("{}: unknown key `{}`", self.subject, item.path)).remedy(remedy);
            self.document.note(mistake, &item.key_span);
        }
    }

    /// Notes a mistake of the table as a whole.
    pub fn refuse(&self, message: impl AsRef<str>, remedy: &str) {
        let mistake = Mistake::error(format!("{}: {}", self.subject, message.as_ref())).remedy(remedy);
        self.document.note(mistake, &self.span);
    }

    /// Notes a mistake that bears its place already.
    pub fn add(&self, mistake: Mistake) {
        self.document.mistakes.borrow_mut().push(mistake);
    }

    /// The tables of `[[key]]`, each named by its `name` for messages where it has one.
    pub fn tables_of(&self, key: &str) -> Vec<Table<'d>> {
        let Some(item) = self.get(key) else { return Vec::new() };
        if item.value.is_table() {
            item.refuse(format!("there can be several of `{key}`"), &format!("write [[{key}]], with two brackets"));
            return Vec::new();
        }
        let tables = item.list().into_iter().filter_map(|element| element.table());
        tables
            .map(|table| {
                let name = table.entries.get("name").and_then(|name| name.get_ref().as_str());
                let subject = name.map_or(key.to_owned(), |name| format!("{key} `{name}`"));
                table.called(subject)
            })
            .collect()
    }

    /// Where each key stands, those of tables inside included.
    pub fn places(&self) -> Places {
        let mut spans = BTreeMap::from([(String::new(), self.span.clone())]);
        gather_spans(self.entries, "", &mut spans);
        Places { source: Arc::clone(&self.document.source), spans }
    }
}

fn gather_spans(entries: &DeTable, path: &str, spans: &mut BTreeMap<String, Range<usize>>) {
    for (key, value) in entries {
        let key = format!("{path}{}", key.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            gather_spans(inner, &format!("{key}."), spans);
        }
        spans.insert(key, value.span());
    }
}

/// A value of the document, with the key that led to it.
#[derive(Clone)]
pub(crate) struct Item<'d> {
    document: &'d Document,
    subject: String,
    /// From its subject: `aggregate.into`.
    path: String,
    name: &'d str,
    key_span: Range<usize>,
    value: &'d DeValue<'d>,
    span: Range<usize>,
}

impl<'d> Item<'d> {
    /// The last part of its key.
    pub fn name(&self) -> &'d str {
        self.name
    }

    pub fn value(&self) -> &'d DeValue<'d> {
        self.value
    }

    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The line on which it begins, counted from 1.
    pub fn line(&self) -> usize {
        self.document.source.text[..self.span.start].matches('\n').count() + 1
    }

    /// Notes a mistake of this value.
    pub fn refuse(&self, message: impl AsRef<str>, remedy: &str) {
        self.note(Mistake::error(self.sentence(message)).remedy(remedy));
    }

    /// Notes something about this value that somebody should know.
    pub fn warn(&self, message: impl AsRef<str>, remedy: &str) {
        self.note(Mistake::warning(self.sentence(message)).remedy(remedy));
    }

    fn sentence(&self, message: impl AsRef<str>) -> String {
        format!("{}, `{}`: {}", self.subject, self.path, message.as_ref())
    }

    fn note(&self, mistake: Mistake) {
        self.document.note(mistake, &self.span);
    }

    fn expected<T>(&self, what: &str) -> Option<T> {
        self.note(Mistake::error(self.sentence(format!("this must be {what}, and is {}", kind(self.value)))));
        None
    }

    /// A text that is not blank.
    pub fn text(&self) -> Option<&'d str> {
        match self.value {
            DeValue::String(text) if text.trim().is_empty() => {
                self.refuse("this may not be empty", "write something, or take the key out");
                None
            }
            DeValue::String(text) => Some(text),
            _ => self.expected("a text in quotes"),
        }
    }

    /// A text in a notation of its own.
    pub fn parse<T>(&self, parse: impl FnOnce(&str) -> Result<T, Flaw>) -> Option<T> {
        match parse(self.text()?) {
            Ok(value) => Some(value),
            Err(flaw) => {
                self.refuse(flaw.message, &flaw.remedy);
                None
            }
        }
    }

    /// One of a few words.
    pub fn choice<T: Clone>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let chosen = words.iter().find(|(word, _)| *word == text).map(|(_, value)| value.clone());
        if chosen.is_none() {
            self.refuse_word(text, words.iter().map(|(word, _)| *word));
        }
        chosen
    }

    /// Notes that `text` is none of `known`, with the nearest that is.
    pub fn refuse_word<'w>(&self, text: &str, known: impl Iterator<Item = &'w str> + Clone) {
        let remedy = match nearest(text, known.clone()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known here: {}", known.map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")),
        };
        self.refuse(format!("\"{text}\" is not known"), &remedy);
    }

    /// A whole number within bounds.
    pub fn whole(&self, bounds: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let DeValue::Integer(digits) = self.value else { return self.expected("a whole number") };
        let number = u64::from_str_radix(digits.as_str(), digits.radix()).ok().filter(|number| bounds.contains(number));
        if number.is_none() {
            let remedy = match *bounds.end() {
                u64::MAX => format!("write {} or more", bounds.start()),
                most => format!("write {} to {most}", bounds.start()),
            };
            self.refuse(format!("{digits} is out of range"), &remedy);
        }
        number
    }

    /// True or false.
    pub fn flag(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(value) => Some(*value),
            _ => self.expected("true or false, without quotes"),
        }
    }

    /// A number, whole or not.
    pub fn number(&self) -> Option<f64> {
        match self.value {
            DeValue::Integer(digits) => digits.to_string().parse().ok(),
            DeValue::Float(digits) => digits.as_str().parse().ok(),
            _ => None,
        }
        .or_else(|| self.expected("a number"))
    }

    /// A date without a time.
    pub fn date(&self) -> Option<Date> {
        let date = match self.value {
            DeValue::Datetime(value) if value.time.is_none() => value.date,
            _ => None,
        };
        let Some(date) = date else { return self.expected("a date without quotes, as 2026-01-31") };
        // TOML's years have four digits and its months and days were checked when it was parsed.
        Date::new(date.year as i16, date.month as i8, date.day as i8).ok()
    }

    /// The elements of a list.
    pub fn list(&self) -> Vec<Item<'d>> {
        match self.value {
            DeValue::Array(elements) => elements.iter().map(|element| self.element(element)).collect(),
            _ => self.expected("a list").unwrap_or_default(),
        }
    }

    /// The elements of a list, or the value itself where it is none; at least one.
    pub fn one_or_more(&self) -> Vec<Item<'d>> {
        match self.value {
            DeValue::Array(elements) if elements.is_empty() => {
                self.refuse("this may not be empty", "name at least one");
                Vec::new()
            }
            DeValue::Array(_) => self.list(),
            _ => vec![self.clone()],
        }
    }

    fn element(&self, element: &'d toml::Spanned<DeValue<'d>>) -> Item<'d> {
        Item { value: element.get_ref(), span: element.span(), ..self.clone() }
    }

    /// A table, whose keys are named after this one in messages.
    pub fn table(&self) -> Option<Table<'d>> {
        let DeValue::Table(entries) = self.value else { return self.expected("a table") };
        Some(Table {
            document: self.document,
            subject: self.subject.clone(),
            path: format!("{}.", self.path),
            entries,
            span: self.span.clone(),
        })
    }
}

fn kind(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
