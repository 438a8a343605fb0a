//! The tables of the sample platform and the formula of each one's rows.

mod business;
mod learning;
mod people;
mod technical;

use crate::base::name::{Name, TableName};
use crate::db::catalog::ColumnKind;
use crate::db::{InsertInto, Value};

use crate::demo::instant::{self, Micros};
use crate::demo::platform::{Counts, Platform};

pub(super) struct Table {
    pub name: &'static str,
    columns: &'static [(&'static str, ColumnKind)],
    pub rows: fn(&Counts) -> u64,
    /// The values of one row, counted from 0, in the order of the columns.
    pub row: fn(&Platform, u64) -> Vec<Value>,
}

/// Parents before their children.
pub(super) const TABLES: &[Table] = &[
    people::ORGANISATION,
    people::ACCOUNT,
    people::COMMUNICATION_PREFERENCE,
    people::CONSENT,
    people::API_TOKEN,
    people::LOGIN,
    learning::COURSE,
    learning::LESSON,
    learning::QUIZ,
    learning::COURSE_SETTING,
    learning::ENROLMENT,
    learning::LESSON_PROGRESS,
    learning::QUIZ_ATTEMPT,
    learning::QUIZ_ANSWER,
    learning::PLACEMENT_RESULT,
    learning::GENERATED_LESSON,
    learning::COURSE_COMPLETION,
    learning::CERTIFICATE,
    business::PAYMENT,
    business::SUPPORT_TICKET,
    business::SUPPORT_MESSAGE,
    business::MAIL_LOG,
    business::DELETION_REQUEST,
    technical::ACCESS_LOG,
    technical::ERROR_LOG,
    technical::PAGE_VIEW,
];

impl Table {
    pub fn target(&self) -> InsertInto {
        let name = |text| Name::new(text).expect("the sample's own names are names");
        InsertInto {
            table: TableName::new(None, name(self.name)),
            columns: self.columns.iter().map(|(column, kind)| (name(column), *kind)).collect(),
        }
    }
}

fn id(number: u64) -> Value {
    Value::Int(number as i64)
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

fn time(at: Micros) -> Value {
    Value::Text(instant::time_text(at))
}

fn date(at: Micros) -> Value {
    Value::Text(instant::date_text(at))
}

/// The value, or NULL.
fn maybe<T>(value: Option<T>, make: impl FnOnce(T) -> Value) -> Value {
    value.map_or(Value::Null, make)
}
