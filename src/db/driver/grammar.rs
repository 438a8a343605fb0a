//! How a server reads what a person wrote in its SQL: by its dialect, and by settings that change it.

use crate::base::dialect::Dialect;

/// How a server reads an expression that a person wrote: the application's own sessions read it in that way, and so must ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grammar {
    pub(in crate::db) dialect: Dialect,
    /// MySQL, ANSI_QUOTES: what stands in double quotes is a name and not a text.
    pub(in crate::db) has_ansi_quotes: bool,
    /// MySQL without NO_BACKSLASH_ESCAPES: a backslash in a text says something of the letter behind it.
    pub(in crate::db) has_escapes: bool,
    /// A setting under which the application's sessions read conditions otherwise than ours can.
    strange: Option<Strange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strange {
    /// A word of MySQL's `sql_mode`.
    Mode(&'static str),
    /// PostgreSQL, `standard_conforming_strings = off`.
    Backslashes,
}

impl From<Dialect> for Grammar {
    fn from(dialect: Dialect) -> Self {
        Self { dialect, has_ansi_quotes: false, has_escapes: dialect == Dialect::Mysql, strange: None }
    }
}

impl Grammar {
    /// By the words of `sql_mode` that the server's sessions begin with.
    pub fn of_mysql(modes: &[&str]) -> Self {
        /// Empty texts that are NULL, and texts of a fixed length that end in blanks: our own statements mean neither.
        const STRANGE: [&str; 4] = ["ORACLE", "MSSQL", "EMPTY_STRING_IS_NULL", "PAD_CHAR_TO_FULL_LENGTH"];
        Self {
            has_ansi_quotes: modes.contains(&"ANSI_QUOTES"),
            has_escapes: !modes.contains(&"NO_BACKSLASH_ESCAPES"),
            strange: STRANGE.into_iter().find(|mode| modes.contains(mode)).map(Strange::Mode),
            ..Self::from(Dialect::Mysql)
        }
    }

    pub fn of_postgres(conforms_to_the_standard: bool) -> Self {
        let strange = (!conforms_to_the_standard).then_some(Strange::Backslashes);
        Self { strange, ..Self::from(Dialect::Postgres) }
    }

    pub fn dialect(self) -> Dialect {
        self.dialect
    }

    /// Why the condition cannot mean here what it means in the application's sessions.
    pub(in crate::db) fn objection(self, text: &str) -> Option<String> {
        match self.strange? {
            Strange::Mode(mode) => Some(format!(
                "the server's `sql_mode` holds {mode}, under which conditions mean something else than in tenure's session; \
                 take it out of the mode of the role that tenure uses"
            )),
            Strange::Backslashes => text.contains('\\').then(|| {
                "with `standard_conforming_strings = off` a backslash means something else than in tenure's session; write \
                 the condition without one"
                    .to_owned()
            }),
        }
    }
}
