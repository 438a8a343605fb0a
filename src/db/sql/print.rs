//! Laying a statement out for people: a clause a line, and a term a line where a condition or a list is long.

/// What the layout sees of a statement: words of the program, which may open, close and divide, and texts that it leaves whole.
pub(super) enum Lexeme<'a> {
    Words(&'static str),
    Whole(&'a str),
}

/// Lines are broken where they would be longer.
const WIDTH: usize = 100;
const STEP: usize = 2;

/// The statement in lines.
pub(super) fn laid_out<'a>(lexemes: impl IntoIterator<Item = Lexeme<'a>>) -> String {
    let nodes = parsed(lexemes);
    let mut out = String::new();
    query(&nodes, 0, &mut out);
    out
}

#[derive(Debug)]
enum Node {
    /// `is_word`: a literal of the program, which may be a keyword.
    Text {
        text: String,
        glued: bool,
        is_word: bool,
    },
    Comma,
    Group {
        kind: Kind,
        glued: bool,
        inner: Vec<Node>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Brackets,
    Case,
}

impl Kind {
    fn ends(self) -> (&'static str, &'static str) {
        match self {
            Kind::Brackets => ("(", ")"),
            Kind::Case => ("CASE ", " END"),
        }
    }
}

// Reading the pieces.

#[derive(Default)]
struct Reader {
    /// What is open around the nodes that are read now, and what stood before it.
    open: Vec<(Kind, bool, Vec<Node>)>,
    nodes: Vec<Node>,
    text: String,
    is_word: bool,
    glued: bool,
    after_blank: bool,
    in_quotes: bool,
}

fn parsed<'a>(lexemes: impl IntoIterator<Item = Lexeme<'a>>) -> Vec<Node> {
    let mut reader = Reader { is_word: true, after_blank: true, ..Reader::default() };
    for lexeme in lexemes {
        match lexeme {
            Lexeme::Words(words) => words.chars().for_each(|c| reader.letter(c)),
            Lexeme::Whole(text) => reader.whole(text),
        }
    }
    reader.end_text();
    while let Some((kind, glued, before)) = reader.open.pop() {
        reader.close(kind, glued, before);
    }
    reader.nodes
}

impl Reader {
    fn letter(&mut self, c: char) {
        if c == '\'' {
            self.in_quotes = !self.in_quotes;
        }
        match c {
            _ if self.in_quotes || c == '\'' => self.add(c),
            ' ' | '\n' => {
                self.end_text();
                self.after_blank = true;
            }
            '(' => {
                let glued = !self.after_blank;
                self.end_text();
                self.begin(Kind::Brackets, glued);
            }
            ')' => {
                self.end_text();
                if let Some((kind, glued, before)) = self.open.pop() {
                    self.close(kind, glued, before);
                }
                self.after_blank = false;
            }
            ',' => {
                self.end_text();
                self.nodes.push(Node::Comma);
                self.after_blank = true;
            }
            c => self.add(c),
        }
    }

    fn whole(&mut self, text: &str) {
        if self.text.is_empty() {
            self.glued = !self.after_blank;
        }
        self.text.push_str(text);
        self.is_word = false;
        self.after_blank = false;
    }

    fn add(&mut self, c: char) {
        if self.text.is_empty() {
            self.glued = !self.after_blank;
        }
        self.text.push(c);
        self.after_blank = false;
    }

    fn end_text(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let (text, glued) = (std::mem::take(&mut self.text), self.glued);
        let is_word = std::mem::replace(&mut self.is_word, true);
        match text.as_str() {
            "CASE" if is_word => self.begin(Kind::Case, glued),
            "END" if is_word && matches!(self.open.last(), Some((Kind::Case, ..))) => {
                if let Some((kind, glued, before)) = self.open.pop() {
                    self.close(kind, glued, before);
                }
            }
            _ => self.nodes.push(Node::Text { text, glued, is_word }),
        }
    }

    fn begin(&mut self, kind: Kind, glued: bool) {
        self.open.push((kind, glued, std::mem::take(&mut self.nodes)));
        self.after_blank = true;
    }

    fn close(&mut self, kind: Kind, glued: bool, before: Vec<Node>) {
        let inner = std::mem::replace(&mut self.nodes, before);
        self.nodes.push(Node::Group { kind, glued, inner });
    }
}

// Writing them down.

impl Node {
    fn is(&self, word: &str) -> bool {
        matches!(self, Node::Text { text, is_word: true, .. } if text == word)
    }

    fn is_glued(&self) -> bool {
        match self {
            Node::Text { glued, .. } | Node::Group { glued, .. } => *glued,
            Node::Comma => true,
        }
    }

    fn holds_query(&self) -> bool {
        matches!(self, Node::Group { inner, .. } if is_query(inner) || inner.iter().any(Node::holds_query))
    }
}

fn is_query(nodes: &[Node]) -> bool {
    nodes.first().is_some_and(|first| ["SELECT", "WITH"].iter().any(|word| first.is(word)))
}

fn flat(nodes: &[Node], out: &mut String) {
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 && !node.is_glued() {
            out.push(' ');
        }
        match node {
            Node::Text { text, .. } => out.push_str(text),
            Node::Comma => out.push(','),
            Node::Group { kind, inner, .. } => {
                let (open, close) = kind.ends();
                out.push_str(open);
                flat(inner, out);
                out.push_str(close);
            }
        }
    }
}

fn column(out: &str) -> usize {
    out.rsplit('\n').next().unwrap_or_default().chars().count()
}

fn new_line(indent: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Writes the nodes into the rest of the line; false, and nothing written, where they do not fit.
fn fits(nodes: &[Node], out: &mut String) -> bool {
    if nodes.iter().any(Node::holds_query) {
        return false;
    }
    let mut text = String::new();
    flat(nodes, &mut text);
    let does = column(out) + text.chars().count() <= WIDTH;
    if does {
        out.push_str(&text);
    }
    does
}

const CLAUSES: [&str; 12] =
    ["WHERE", "SET", "GROUP", "ORDER", "LIMIT", "RETURNING", "UNION", "USING", "LEFT", "VALUES", "SELECT", "FOR"];

/// Does a clause begin at this place?
fn begins_clause(nodes: &[Node], at: usize) -> bool {
    let follows = |word: &str| at > 0 && nodes[at - 1].is(word);
    let is = |word: &str| nodes[at].is(word);
    let begins_one = CLAUSES.iter().any(|word| is(word));
    at > 0 && (begins_one || is("FROM") && !follows("DELETE") && !follows("DISTINCT") || is("JOIN") && !follows("LEFT"))
}

/// A clause a line.
fn query(nodes: &[Node], indent: usize, out: &mut String) {
    let mut start = 0;
    for at in 1..=nodes.len() {
        if at < nodes.len() && !begins_clause(nodes, at) {
            continue;
        }
        if start > 0 {
            new_line(indent, out);
        }
        clause(&nodes[start..at], indent, out);
        start = at;
    }
}

/// The words before a list.
const LISTS: [&str; 7] = ["SELECT", "DISTINCT", "SET", "GROUP", "ORDER", "BY", "RETURNING"];

fn clause(nodes: &[Node], indent: usize, out: &mut String) {
    if nodes.is_empty() || fits(nodes, out) {
        return;
    }
    if let Some(on) = nodes.iter().position(|node| node.is("ON")).filter(|on| *on > 0) {
        run(&nodes[..on], indent, out);
        new_line(indent + STEP, out);
        return clause(&nodes[on..], indent + STEP, out);
    }
    let is_head = |node: &&Node| LISTS.iter().any(|word| node.is(word));
    let head = nodes.iter().take_while(is_head).count();
    if head > 0 && nodes.iter().any(|node| matches!(node, Node::Comma)) {
        run(&nodes[..head], indent, out);
        new_line(indent + STEP, out);
        return items(&nodes[head..], indent + STEP, out);
    }
    if ["WHERE", "ON"].iter().any(|word| nodes[0].is(word)) {
        run(&nodes[..1], indent, out);
        out.push(' ');
        return terms(&nodes[1..], indent + STEP, out);
    }
    run(nodes, indent, out);
}

/// Where AND or OR divides the nodes.
fn dividers(nodes: &[Node]) -> Vec<usize> {
    let mut is_between = false;
    let mut all = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        match node {
            _ if node.is("BETWEEN") => is_between = true,
            _ if node.is("AND") && is_between => is_between = false,
            _ if node.is("AND") || node.is("OR") => all.push(at),
            _ => {}
        }
    }
    all
}

/// `a`, and each `AND b` on a line of its own.
fn terms(nodes: &[Node], indent: usize, out: &mut String) {
    let mut start = 0;
    for divider in dividers(nodes) {
        run(&nodes[start..divider], indent, out);
        new_line(indent, out);
        start = divider;
    }
    run(&nodes[start..], indent, out);
}

/// The first item here, each other one on a line of its own; of short ones as many as fit.
fn items(nodes: &[Node], indent: usize, out: &mut String) {
    const SHORT: usize = 12;
    for (at, item) in nodes.split(|node| matches!(node, Node::Comma)).enumerate() {
        let mut text = String::new();
        flat(item, &mut text);
        if at > 0 {
            out.push(',');
            match text.len() <= SHORT && column(out) + text.len() < WIDTH {
                true => out.push(' '),
                false => new_line(indent, out),
            }
        }
        run(item, indent, out);
    }
}

/// One after the other; what does not fit in brackets is broken inside of them.
fn run(nodes: &[Node], indent: usize, out: &mut String) {
    for (at, node) in nodes.iter().enumerate() {
        if at > 0 && !node.is_glued() {
            out.push(' ');
        }
        match node {
            Node::Text { text, .. } => out.push_str(text),
            Node::Comma => out.push(','),
            Node::Group { .. } if fits(std::slice::from_ref(node), out) => {}
            Node::Group { kind: Kind::Brackets, inner, .. } => {
                out.push('(');
                new_line(indent + STEP, out);
                body(inner, indent + STEP, out);
                new_line(indent, out);
                out.push(')');
            }
            Node::Group { kind: Kind::Case, inner, .. } => {
                out.push_str("CASE");
                branches(inner, indent + STEP, out);
                new_line(indent, out);
                out.push_str("END");
            }
        }
    }
}

/// What stands in brackets that were broken.
fn body(nodes: &[Node], indent: usize, out: &mut String) {
    if is_query(nodes) {
        query(nodes, indent, out);
    } else if nodes.iter().any(|node| matches!(node, Node::Comma)) {
        items(nodes, indent, out);
    } else {
        terms(nodes, indent, out);
    }
}

/// Each WHEN, and the ELSE, on a line of its own.
fn branches(nodes: &[Node], indent: usize, out: &mut String) {
    let mut start = 0;
    for at in 1..=nodes.len() {
        if at < nodes.len() && !nodes[at].is("WHEN") && !nodes[at].is("ELSE") {
            continue;
        }
        // `CASE x WHEN …`: the value stands on the first line.
        if nodes[start].is("WHEN") || nodes[start].is("ELSE") {
            new_line(indent, out);
        } else {
            out.push(' ');
        }
        branch(&nodes[start..at], indent, out);
        start = at;
    }
}

/// `WHEN … THEN …`, in two lines where one is too short.
fn branch(nodes: &[Node], indent: usize, out: &mut String) {
    let then = nodes.iter().position(|node| node.is("THEN"));
    match then {
        _ if fits(nodes, out) => {}
        Some(then) => {
            run(&nodes[..then], indent, out);
            new_line(indent + STEP, out);
            run(&nodes[then..], indent + STEP, out);
        }
        None => run(nodes, indent, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &'static str) -> String {
        laid_out([Lexeme::Words(words)])
    }

    #[test]
    fn each_clause_has_its_line() {
        assert_eq!(shown("DELETE FROM t WHERE a < 1 AND b = 2"), "DELETE FROM t\nWHERE a < 1 AND b = 2");
        assert_eq!(
            shown(
                "SELECT a, b FROM t LEFT JOIN u ON t.a = u.a WHERE a IS NOT DISTINCT FROM b GROUP BY a ORDER BY b LIMIT 1"
            ),
            "SELECT a, b\nFROM t\nLEFT JOIN u ON t.a = u.a\nWHERE a IS NOT DISTINCT FROM b\nGROUP BY a\nORDER BY b\nLIMIT 1"
        );
        assert_eq!(shown("UPDATE t SET a = EXTRACT(EPOCH FROM b)"), "UPDATE t\nSET a = EXTRACT(EPOCH FROM b)");
    }

    #[test]
    fn a_query_within_a_statement_is_indented() {
        assert_eq!(
            shown("DELETE FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.a = t.a) AND x IN (SELECT y FROM v)"),
            "DELETE FROM t\n\
             WHERE NOT EXISTS (\n    SELECT 1\n    FROM u\n    WHERE u.a = t.a\n  )\n  \
             AND x IN (\n    SELECT y\n    FROM v\n  )"
        );
    }

    #[test]
    fn a_long_condition_has_a_term_a_line_and_a_long_case_a_branch_a_line() {
        let long = "\"a_column_of_a_name_that_is_rather_long\"";
        let term = || [Lexeme::Whole(long), Lexeme::Words(" BETWEEN 1 AND 2")];
        let pieces: Vec<_> = [Lexeme::Words("DELETE FROM t WHERE ")]
            .into_iter()
            .chain(term())
            .chain([Lexeme::Words(" AND ")])
            .chain(term())
            .collect();
        assert_eq!(
            laid_out(pieces),
            format!("DELETE FROM t\nWHERE {long} BETWEEN 1 AND 2\n  AND {long} BETWEEN 1 AND 2")
        );
        let case = [
            Lexeme::Words("SELECT CASE WHEN "),
            Lexeme::Whole(long),
            Lexeme::Words(" ~ 'a (b' THEN "),
            Lexeme::Whole(long),
            Lexeme::Words(" WHEN c THEN 2 ELSE 3 END"),
        ];
        assert_eq!(
            laid_out(case),
            format!("SELECT CASE\n  WHEN {long} ~ 'a (b' THEN {long}\n  WHEN c THEN 2\n  ELSE 3\nEND")
        );
    }

    #[test]
    fn what_stands_in_quotes_or_is_whole_is_left_as_it_is() {
        assert_eq!(shown("SELECT ' (,  FROM ' || x"), "SELECT ' (,  FROM ' || x");
        assert_eq!(
            laid_out([Lexeme::Words("SELECT "), Lexeme::Whole("\"a (b\""), Lexeme::Words(".x")]),
            "SELECT \"a (b\".x"
        );
    }
}
