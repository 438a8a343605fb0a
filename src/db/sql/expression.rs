//! Truths: what stands behind WHERE, ON and WHEN, as trees that simplify themselves.
//!
//! A truth is only ever asked whether it is true, never whether it is false: unknown counts as not true. So `NOT` exists in one
//! form, "is not true", and goes down through AND and OR as it does in logic of two values.

use super::builder::Piece;

/// A truth about a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Truth {
    Always,
    Never,
    /// A comparison or a call: pieces that bind tighter than AND.
    Told(Vec<Piece>),
    /// A condition of the schedule, parsed as one expression.
    Condition(String),
    All(Vec<Truth>),
    Any(Vec<Truth>),
    /// Some row is found by the query.
    Exists(Vec<Piece>),
    NotExists(Vec<Piece>),
    NotTrue(Box<Truth>),
}

impl Truth {
    /// What was written as pieces: a truth of its own where that is all there is.
    pub fn of(mut pieces: Vec<Piece>) -> Self {
        match pieces.as_slice() {
            [] | [Piece::Word("TRUE" | "1 = 1")] => Truth::Always,
            [Piece::Word("FALSE")] => Truth::Never,
            [Piece::Truth(_)] => match pieces.remove(0) {
                Piece::Truth(truth) => truth,
                other => Truth::Told(vec![other]),
            },
            [Piece::Word("("), Piece::Truth(_), Piece::Word(")")] => Truth::of(vec![pieces.remove(1)]),
            _ => Truth::Told(pieces),
        }
    }

    /// True where all are.
    pub fn all(terms: impl IntoIterator<Item = Truth>) -> Self {
        let mut kept = Vec::new();
        for term in terms {
            match term {
                Truth::Always => {}
                Truth::Never => return Truth::Never,
                Truth::All(inner) => kept.extend(inner),
                other => kept.push(other),
            }
        }
        match kept.len() {
            0 => Truth::Always,
            1 => kept.remove(0),
            _ => Truth::All(kept),
        }
    }

    /// True where one is.
    pub fn any(terms: impl IntoIterator<Item = Truth>) -> Self {
        let mut kept = Vec::new();
        for term in terms {
            match term {
                Truth::Never => {}
                Truth::Always => return Truth::Always,
                Truth::Any(inner) => kept.extend(inner),
                other => kept.push(other),
            }
        }
        match kept.len() {
            0 => Truth::Never,
            1 => kept.remove(0),
            _ => Truth::Any(kept),
        }
    }

    /// True where this one is false or unknown.
    pub fn not_true(self) -> Self {
        match self {
            Truth::Always => Truth::Never,
            Truth::Never => Truth::Always,
            Truth::All(terms) => Truth::any(terms.into_iter().map(Truth::not_true)),
            Truth::Any(terms) => Truth::all(terms.into_iter().map(Truth::not_true)),
            Truth::Exists(query) => Truth::NotExists(query),
            Truth::NotExists(query) => Truth::Exists(query),
            Truth::NotTrue(inner) => *inner,
            told @ (Truth::Told(_) | Truth::Condition(_)) => Truth::NotTrue(Box::new(told)),
        }
    }

    /// May it stand beside AND and OR without brackets?
    fn binds_tighter(&self) -> bool {
        match self {
            Truth::All(_) | Truth::Any(_) => false,
            Truth::Told(pieces) => !divided_by_or(pieces),
            _ => true,
        }
    }

    /// The truth as words: those of `All` bind as AND does, those of `Any` as OR does, all others tighter.
    pub fn into_pieces(self, out: &mut Vec<Piece>) {
        match self {
            Truth::Always => out.push(Piece::Word("TRUE")),
            Truth::Never => out.push(Piece::Word("FALSE")),
            Truth::Told(pieces) => out.extend(pieces),
            Truth::Condition(text) => in_brackets(out, "(", |out| out.push(Piece::Text(text))),
            Truth::All(terms) => joined(terms, " AND ", out),
            Truth::Any(terms) => joined(terms, " OR ", out),
            Truth::Exists(query) => in_brackets(out, "EXISTS (", |out| out.extend(query)),
            Truth::NotExists(query) => in_brackets(out, "NOT EXISTS (", |out| out.extend(query)),
            Truth::NotTrue(inner) => {
                match *inner {
                    condition @ Truth::Condition(_) => condition.into_pieces(out),
                    inner => in_brackets(out, "(", |out| inner.into_pieces(out)),
                }
                out.push(Piece::Word(" IS NOT TRUE"));
            }
        }
    }
}

/// Does an OR stand outside of all brackets?
fn divided_by_or(pieces: &[Piece]) -> bool {
    let mut depth = 0;
    pieces.iter().filter_map(|piece| if let Piece::Word(word) = piece { Some(word) } else { None }).any(|word| {
        let divides = depth == 0 && word.starts_with(" OR ");
        depth += word.matches('(').count() as i32 - word.matches(')').count() as i32;
        divides
    })
}

fn in_brackets(out: &mut Vec<Piece>, open: &'static str, inner: impl FnOnce(&mut Vec<Piece>)) {
    out.push(Piece::Word(open));
    inner(out);
    out.push(Piece::Word(")"));
}

/// More terms than this are put into groups: SQLite reads `a OR b OR c` as deep as it is long, and refuses what is deeper than
/// 1,000.
const WIDEST: usize = 100;

fn joined(mut terms: Vec<Truth>, between: &'static str, out: &mut Vec<Piece>) {
    if terms.len() > WIDEST {
        let size = terms.len().div_ceil(WIDEST);
        let group: fn(Vec<Truth>) -> Truth = if between == " OR " { Truth::Any } else { Truth::All };
        let mut groups = Vec::new();
        while !terms.is_empty() {
            let rest = terms.split_off(size.min(terms.len()));
            groups.push(if terms.len() == 1 { terms.remove(0) } else { group(terms) });
            terms = rest;
        }
        terms = groups;
    }
    for (at, term) in terms.into_iter().enumerate() {
        if at > 0 {
            out.push(Piece::Word(between));
        }
        match term {
            simple if simple.binds_tighter() => simple.into_pieces(out),
            compound => in_brackets(out, "(", |out| compound.into_pieces(out)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(word: &'static str) -> Truth {
        Truth::of(vec![Piece::Word(word)])
    }

    fn shown(truth: Truth) -> String {
        let mut pieces = Vec::new();
        truth.into_pieces(&mut pieces);
        let word = |piece: Piece| match piece {
            Piece::Word(word) => word.to_owned(),
            Piece::Text(text) => text,
            other => panic!("{other:?}"),
        };
        pieces.into_iter().map(word).collect()
    }

    #[test]
    fn what_says_nothing_is_not_said() {
        assert_eq!(Truth::all([]), Truth::Always);
        assert_eq!(Truth::any([]), Truth::Never);
        assert_eq!(shown(Truth::all([told("TRUE"), told("a"), told("1 = 1")])), "a");
        assert_eq!(shown(Truth::any([told("FALSE"), told("a")])), "a");
        assert_eq!(Truth::all([told("a"), told("FALSE")]), Truth::Never);
        assert_eq!(Truth::any([told("a"), told("TRUE")]), Truth::Always);
    }

    #[test]
    fn brackets_stand_where_the_two_words_meet_and_nowhere_else() {
        let nested = Truth::all([Truth::all([told("a"), told("b")]), told("c")]);
        assert_eq!(shown(nested), "a AND b AND c");
        let mixed = Truth::all([told("a"), Truth::any([told("b"), Truth::all([told("c"), told("d")])])]);
        assert_eq!(shown(mixed), "a AND (b OR (c AND d))");
        assert_eq!(shown(Truth::of(vec![Piece::Word("("), Piece::Truth(told("a")), Piece::Word(")")])), "a");
    }

    #[test]
    fn not_true_goes_down_to_what_can_be_unknown() {
        let query = || Truth::Exists(vec![Piece::Word("SELECT 1")]);
        assert_eq!(shown(query().not_true()), "NOT EXISTS (SELECT 1)");
        assert_eq!(shown(query().not_true().not_true()), "EXISTS (SELECT 1)");
        assert_eq!(shown(Truth::any([query(), told("a")]).not_true()), "NOT EXISTS (SELECT 1) AND (a) IS NOT TRUE");
        assert_eq!(shown(Truth::all([told("a"), told("b")]).not_true()), "(a) IS NOT TRUE OR (b) IS NOT TRUE");
        assert_eq!(shown(Truth::Condition("x = 1".to_owned()).not_true()), "(x = 1) IS NOT TRUE");
        assert_eq!(told("a").not_true().not_true(), told("a"));
        assert_eq!(Truth::Always.not_true(), Truth::Never);
    }
}
