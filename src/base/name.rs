//! SQL identifiers that were checked; nothing else can be put in a statement.
//!
//! A [`Name`] can hold any identifier that a database accepts, reserved words, mixed case and quotes included, because it
//! is always quoted by the dialect when it is written. What it can never hold is something that would end the quotation.

use std::fmt;

use thiserror::Error;

/// Longest identifier, in bytes, of any supported database (MySQL allows 64 characters of up to 4 bytes).
const MAX_BYTES: usize = 256;

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    #[error("a name may not be empty")]
    Empty,
    #[error("a name may not hold a NUL byte or a control character")]
    Control,
    #[error("a name may not be longer than {MAX_BYTES} bytes")]
    TooLong,
    #[error("`{0}` has a quotation that does not end")]
    OpenQuote(String),
    #[error("`{0}` has more parts than schema and table")]
    TooManyParts(String),
}

/// One identifier: a column, a table without its schema, or a schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// Checks `text` and wraps it, to the letter: no case is folded.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(NameError::Control);
        }
        if text.len() > MAX_BYTES {
            return Err(NameError::TooLong);
        }
        Ok(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name between `quote` characters, with those inside it doubled.
    pub fn quoted(&self, quote: char) -> String {
        let mut out = String::with_capacity(self.0.len() + 2);
        out.push(quote);
        for c in self.0.chars() {
            if c == quote {
                out.push(quote);
            }
            out.push(c);
        }
        out.push(quote);
        out
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A table, with its schema where one was written or where the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    pub schema: Option<Name>,
    pub table: Name,
}

impl TableName {
    pub fn new(schema: Option<Name>, table: Name) -> Self {
        Self { schema, table }
    }

    /// Reads `table`, `schema.table`, or the same with parts in double quotes (`audit."page.view"`), where a quote inside
    /// a quoted part is doubled.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut parts = split_parts(text)?;
        let table = Name::new(parts.pop().unwrap_or_default())?;
        let schema = parts.pop().map(Name::new).transpose()?;
        if !parts.is_empty() {
            return Err(NameError::TooManyParts(text.to_owned()));
        }
        Ok(Self { schema, table })
    }
}

/// Splits at the dots outside double quotes and removes the quotation.
pub(crate) fn split_parts(text: &str) -> Result<Vec<String>, NameError> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let part = parts.last_mut().expect("there is always one part");
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                part.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if part.is_empty() => quoted = true,
            '.' if !quoted => parts.push(String::new()),
            _ => part.push(c),
        }
    }
    if quoted {
        return Err(NameError::OpenQuote(text.to_owned()));
    }
    Ok(parts)
}

/// As a schedule would write it: quoted where a dot or a quote stands in a part.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |f: &mut fmt::Formatter<'_>, name: &Name| {
            if name.as_str().contains(['.', '"']) { f.write_str(&name.quoted('"')) } else { f.write_str(name.as_str()) }
        };
        if let Some(schema) = &self.schema {
            part(f, schema)?;
            f.write_str(".")?;
        }
        part(f, &self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_inside_a_name_cannot_end_the_quotation() {
        let name = Name::new("a\"; DROP TABLE x; --").unwrap();
        assert_eq!(name.quoted('"'), "\"a\"\"; DROP TABLE x; --\"");
        assert_eq!(Name::new("a`b").unwrap().quoted('`'), "`a``b`");
    }

    #[test]
    fn control_characters_and_empty_names_are_refused() {
        assert_eq!(Name::new("a\0b"), Err(NameError::Control));
        assert_eq!(Name::new(""), Err(NameError::Empty));
        assert_eq!(Name::new("x".repeat(300)), Err(NameError::TooLong));
    }

    #[test]
    fn tables_are_read_with_and_without_schema_and_quotes_and_shown_as_written() {
        for text in ["log", "audit.log", "audit.\"page.view\"", "\"we\"\"ird\""] {
            assert_eq!(TableName::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(TableName::parse("a.b.c"), Err(NameError::TooManyParts("a.b.c".into())));
        assert!(matches!(TableName::parse("\"open"), Err(NameError::OpenQuote(_))));
        assert_eq!(TableName::parse("a."), Err(NameError::Empty));
    }
}
