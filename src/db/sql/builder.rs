//! Putting a statement together: literals of this room, quoted names, placeholders, parsed conditions; nothing else.

use std::ops::Range;

use super::expression::Truth;
use super::print::{Lexeme, laid_out};
use crate::base::name::{Name, TableName};
use crate::db::{Dialect, Statement, Value};
use crate::plan::Condition;

/// A piece of a statement. Only the methods of [`Sql`] make one, so that no text from outside gets in as words.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// A literal of the program.
    Word(&'static str),
    /// A quoted name, a number, a type of the catalog, or a parsed condition.
    Text(String),
    Bind(Value),
    Truth(Truth),
}

/// A statement in the making.
pub(in crate::db) struct Sql {
    pub dialect: Dialect,
    pieces: Vec<Piece>,
    aliases: u32,
}

/// What must all be true, or of which one must be, term by term.
pub(in crate::db) struct Terms<'a> {
    sql: &'a mut Sql,
    terms: Vec<Truth>,
}

impl Terms<'_> {
    /// One more term, as `write` writes it; nothing written is true.
    pub fn term(&mut self, write: impl FnOnce(&mut Sql)) -> &mut Self {
        let truth = self.sql.truth(write);
        self.terms.push(truth);
        self
    }

    /// One more term, that what `write` writes is false or unknown.
    pub fn not_true(&mut self, write: impl FnOnce(&mut Sql)) -> &mut Self {
        let truth = self.sql.truth(write).not_true();
        self.terms.push(truth);
        self
    }

    /// A term for each item.
    pub fn each<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Sql, &T)) -> &mut Self {
        for item in items {
            self.term(|sql| write(sql, item));
        }
        self
    }

    pub fn dialect(&self) -> Dialect {
        self.sql.dialect
    }
}

impl Sql {
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, pieces: Vec::new(), aliases: 0 }
    }

    /// A literal piece. The lifetime keeps texts that came from outside out.
    pub fn push(&mut self, text: &'static str) -> &mut Self {
        if !text.is_empty() {
            self.pieces.push(Piece::Word(text));
        }
        self
    }

    fn outside(&mut self, text: String) -> &mut Self {
        self.pieces.push(Piece::Text(text));
        self
    }

    /// What `write` writes, by itself.
    fn written(&mut self, write: impl FnOnce(&mut Self)) -> Vec<Piece> {
        let before = std::mem::take(&mut self.pieces);
        write(self);
        std::mem::replace(&mut self.pieces, before)
    }

    fn truth(&mut self, write: impl FnOnce(&mut Self)) -> Truth {
        Truth::of(self.written(write))
    }

    fn terms(&mut self, write: impl FnOnce(&mut Terms<'_>)) -> Vec<Truth> {
        let mut terms = Terms { sql: self, terms: Vec::new() };
        write(&mut terms);
        terms.terms
    }

    /// `a AND b AND …`; TRUE where there is no term.
    pub fn all(&mut self, write: impl FnOnce(&mut Terms<'_>)) -> &mut Self {
        let truth = Truth::all(self.terms(write));
        self.pieces.push(Piece::Truth(truth));
        self
    }

    /// `(a OR b OR …)`; FALSE where there is no term.
    pub fn any(&mut self, write: impl FnOnce(&mut Terms<'_>)) -> &mut Self {
        let truth = Truth::any(self.terms(write));
        self.pieces.push(Piece::Truth(truth));
        self
    }

    /// What `write` writes is false or unknown.
    pub fn not_true(&mut self, write: impl FnOnce(&mut Self)) -> &mut Self {
        let truth = self.truth(write).not_true();
        self.pieces.push(Piece::Truth(truth));
        self
    }

    /// `EXISTS (query)`
    pub fn exists(&mut self, query: impl FnOnce(&mut Self)) -> &mut Self {
        let query = self.written(query);
        self.pieces.push(Piece::Truth(Truth::Exists(query)));
        self
    }

    /// ` AND` what `write` writes, where that says anything.
    pub fn and(&mut self, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.after(" AND ", write)
    }

    /// ` WHERE` what `write` writes, where that says anything.
    pub fn filter(&mut self, write: impl FnOnce(&mut Self)) -> &mut Self {
        match self.truth(write) {
            Truth::Always => self,
            truth => {
                self.push(" WHERE ");
                truth.into_pieces(&mut self.pieces);
                self
            }
        }
    }

    fn after(&mut self, word: &'static str, write: impl FnOnce(&mut Self)) -> &mut Self {
        match self.truth(write) {
            Truth::Always => self,
            truth => {
                self.push(word);
                self.pieces.push(Piece::Truth(truth));
                self
            }
        }
    }

    /// `CASE WHEN truth THEN value ELSE otherwise END`
    pub fn either(&mut self, truth: impl FnOnce(&mut Self), value: &'static str, otherwise: &'static str) -> &mut Self {
        self.push("CASE").when(truth).push(value).push(" ELSE ").push(otherwise).push(" END")
    }

    /// ` WHEN truth THEN `
    pub fn when(&mut self, truth: impl FnOnce(&mut Self)) -> &mut Self {
        let truth = self.truth(truth);
        self.push(" WHEN ");
        truth.into_pieces(&mut self.pieces);
        self.push(" THEN ")
    }

    /// On SQLite a table can be declared so that a value which would stand twice in a unique column deletes the other row that
    /// bears it, or is passed over in silence. What a statement says of it itself counts for more: it fails as a whole.
    pub fn update(&mut self) -> &mut Self {
        self.push(if self.dialect == Dialect::Sqlite { "UPDATE OR ABORT " } else { "UPDATE " })
    }

    /// As [`update`](Self::update).
    pub fn insert_into(&mut self) -> &mut Self {
        self.push(if self.dialect == Dialect::Sqlite { "INSERT OR ABORT INTO " } else { "INSERT INTO " })
    }

    pub fn number(&mut self, number: u64) -> &mut Self {
        self.outside(number.to_string())
    }

    pub fn integer(&mut self, integer: i64) -> &mut Self {
        self.outside(integer.to_string())
    }

    pub fn name(&mut self, name: &Name) -> &mut Self {
        self.outside(name.quoted(self.dialect.quote()))
    }

    pub fn table(&mut self, table: &TableName) -> &mut Self {
        if let Some(schema) = &table.schema {
            self.name(schema).push(".");
        }
        self.name(&table.table)
    }

    pub fn column(&mut self, alias: &Name, column: &Name) -> &mut Self {
        self.name(alias).push(".").name(column)
    }

    /// `a.x, a.y`
    pub fn columns(&mut self, alias: &Name, columns: &[Name]) -> &mut Self {
        self.list(columns, ", ", |sql, column| {
            sql.column(alias, column);
        })
    }

    /// `a.x`, or `(a.x, a.y)`: a key that is looked for among others.
    pub fn key(&mut self, alias: &Name, columns: &[Name]) -> &mut Self {
        match columns {
            [only] => self.column(alias, only),
            _ => self.push("(").columns(alias, columns).push(")"),
        }
    }

    /// The same piece for each item, with `between` between them. Many terms of an expression are put into groups: SQLite reads
    /// `a OR b OR c` as deep as it is long, and refuses what is deeper than 1,000.
    pub fn list<T>(&mut self, items: &[T], between: &'static str, mut piece: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.grouped(0..items.len(), between, &mut |sql, index| piece(sql, &items[index]))
    }

    fn grouped(
        &mut self,
        range: Range<usize>,
        between: &'static str,
        piece: &mut dyn FnMut(&mut Self, usize),
    ) -> &mut Self {
        const WIDEST: usize = 100;
        let is_wide = range.len() > WIDEST && matches!(between, " OR " | " AND ");
        let step = if is_wide { range.len().div_ceil(WIDEST) } else { 1 };
        for first in range.clone().step_by(step) {
            if first > range.start {
                self.push(between);
            }
            if is_wide {
                self.push("(").grouped(first..range.end.min(first + step), between, piece).push(")");
            } else {
                piece(self, first);
            }
        }
        self
    }

    pub fn bind(&mut self, value: Value) -> &mut Self {
        self.pieces.push(Piece::Bind(value));
        self
    }

    /// A bound value of a type that the catalog named or this room knows; only PostgreSQL needs to be told.
    pub fn bind_as(&mut self, value: Value, sql_type: &str) -> &mut Self {
        if self.dialect != Dialect::Postgres {
            return self.bind(value);
        }
        self.push("CAST(").bind(value).push(" AS ").type_name(sql_type).push(")")
    }

    /// PostgreSQL: the table's oid.
    pub fn regclass(&mut self, table: &TableName) -> &mut Self {
        let quoted = |name: &Name| name.quoted(Dialect::Postgres.quote());
        let schema = table.schema.as_ref().map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
        let text = format!("{schema}{}", quoted(&table.table));
        self.push("CAST(").bind_as(Value::Text(text), "text").push(" AS regclass)")
    }

    /// A type name from the catalog.
    pub fn type_name(&mut self, sql_type: &str) -> &mut Self {
        self.outside(sql_type.to_owned())
    }

    /// The condition of a schedule, of which only counts where it is true.
    pub fn condition(&mut self, condition: &Condition) -> &mut Self {
        self.pieces.push(Piece::Truth(Truth::Condition(condition.as_str().to_owned())));
        self
    }

    /// An alias that is used nowhere else in this statement.
    pub fn fresh_alias(&mut self) -> Name {
        self.aliases += 1;
        Name::new(format!("tenure_{}", self.aliases)).expect("letters and digits are a name")
    }

    /// The statement, a clause a line, its placeholders numbered.
    pub fn finish(self) -> Statement {
        let mut flat = Vec::new();
        flatten(self.pieces, &mut flat);
        let mut binds = Vec::new();
        let words: Vec<_> = flat.into_iter().map(|piece| shown(piece, self.dialect, &mut binds)).collect();
        let lexemes = words.iter().map(|shown| match shown {
            Shown::Words(words) => Lexeme::Words(words),
            Shown::Whole(text) => Lexeme::Whole(text),
        });
        Statement { sql: laid_out(lexemes), binds }
    }
}

enum Shown {
    Words(&'static str),
    Whole(String),
}

/// A piece as text. Truths were taken apart before.
fn shown(piece: Piece, dialect: Dialect, binds: &mut Vec<Value>) -> Shown {
    match piece {
        Piece::Word(word) => Shown::Words(word),
        Piece::Text(text) => Shown::Whole(text),
        Piece::Truth(_) => Shown::Words(""),
        Piece::Bind(value) => {
            binds.push(value);
            match dialect {
                Dialect::Postgres => Shown::Whole(format!("${}", binds.len())),
                Dialect::Sqlite | Dialect::Mysql => Shown::Words("?"),
            }
        }
    }
}

/// The pieces with their truths taken apart, in the order in which they are written.
fn flatten(pieces: Vec<Piece>, out: &mut Vec<Piece>) {
    let mut rest = pieces.into_iter().peekable();
    while let Some(piece) = rest.next() {
        let Piece::Truth(truth) = piece else {
            out.push(piece);
            continue;
        };
        let opened = matches!(out.last(), Some(Piece::Word(word)) if word.ends_with('('));
        let closed = matches!(rest.peek(), Some(Piece::Word(word)) if word.starts_with(')'));
        let is_bare = matches!(truth, Truth::Any(_)) && !(opened && closed);
        let mut written = Vec::new();
        truth.into_pieces(&mut written);
        if is_bare {
            out.push(Piece::Word("("));
        }
        flatten(written, out);
        if is_bare {
            out.push(Piece::Word(")"));
        }
    }
}

impl Statement {
    /// A statement of constants.
    pub(in crate::db) fn plain(sql: &'static str) -> Self {
        Self { sql: sql.to_owned(), binds: Vec::new() }
    }
}
