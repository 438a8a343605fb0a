//! The order in which the rules of one plan act, and what that means for the rules that come later.
//!
//! A rule acts before whatever changes what it looks at ([`edges`](super::edges)): that is a must, and rules that would have to
//! wait for each other are refused ([`circles`]). Beyond that, as far as the musts leave room: children go before their
//! parents, so that a parent is not blocked by a child that the same run removes; redactions come last, so that nothing is
//! redacted that is about to go. A later rule counts as gone what an earlier one takes, which makes the dry run's figures
//! those of the run where rules meet on the same rows.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::edges::{
    changes, depends_on, frees, is_kept_by, reads, reads_of_its_own_rows, tables_read, tables_that_keep,
};
use super::{Act, RulePlan};
use crate::base::name::TableName;

/// Which rules act before which, by their places in a list.
struct Edges {
    /// For each rule those that must act before it.
    musts: Vec<BTreeSet<usize>>,
    /// For each rule those that should act before it, where the musts leave room.
    wishes: Vec<BTreeSet<usize>>,
}

impl Edges {
    fn between(rules: &[RulePlan]) -> Self {
        let tables = Tables::of(rules);
        let mut edges = Self { musts: vec![BTreeSet::new(); rules.len()], wishes: vec![BTreeSet::new(); rules.len()] };
        for (at, rule) in rules.iter().enumerate() {
            edges.musts[at] = tables.must_precede(rules, at);
            edges.wishes[at] = tables.should_precede(rules, at);
            let changes = changes(rule);
            let readers = of_table(&tables.acting, rule.root()).filter(|other| {
                !rule.act.removes() && changes.iter().any(|change| reads_of_its_own_rows(&rules[*other], change))
            });
            edges.wishes[at].extend(readers);
            // A rule may look at what it changes itself: it is planned once.
            edges.musts[at].remove(&at);
            edges.wishes[at].remove(&at);
        }
        edges
    }
}

/// Rules by the tables that they have to do with, so that ten thousand of them are not compared each with each.
struct Tables<'a> {
    /// By the last name of a table in small letters, the rules that look at it.
    reading: HashMap<String, Vec<usize>>,
    /// By the table that a rule names.
    acting: HashMap<&'a TableName, Vec<usize>>,
    /// The rules that take rows from a table, by their cascades too.
    removing: HashMap<&'a TableName, Vec<usize>>,
}

impl<'a> Tables<'a> {
    fn of(rules: &'a [RulePlan]) -> Self {
        let mut tables = Self { reading: HashMap::new(), acting: HashMap::new(), removing: HashMap::new() };
        // A rule that keeps for ever has no targets and does nothing.
        for (at, rule) in rules.iter().enumerate().filter(|(_, rule)| !rule.targets.is_empty()) {
            tables_read(rule).into_iter().for_each(|table| tables.reading.entry(table).or_default().push(at));
            rule.root().into_iter().for_each(|table| tables.acting.entry(table).or_default().push(at));
            if rule.act.removes() {
                rule.tables_removed_from().for_each(|table| tables.removing.entry(table).or_default().push(at));
            }
        }
        tables
    }

    /// The rules that look at what this one changes, or take what it rolls up: there it may be due at once.
    fn must_precede(&self, rules: &[RulePlan], at: usize) -> BTreeSet<usize> {
        let mut before = BTreeSet::new();
        for change in &changes(&rules[at]) {
            let readers = self.reading.get(&change.table.table.as_str().to_lowercase()).into_iter().flatten();
            before.extend(readers.filter(|other| reads(&rules[**other], change)));
        }
        if let Act::Aggregate(rollup) = &rules[at].act {
            before.extend(of_table(&self.removing, Some(&rollup.into)));
        }
        before
    }

    /// The rules that take, or change, what keeps rows of this one.
    fn should_precede(&self, rules: &[RulePlan], at: usize) -> BTreeSet<usize> {
        let rule = &rules[at];
        let mut before = BTreeSet::new();
        for table in tables_that_keep(rule) {
            let taking = of_table(&self.removing, Some(table)).filter(|_| rule.act.removes());
            before.extend(taking.filter(|other| depends_on(rule, &rules[*other]) || is_kept_by(rule, &rules[*other])));
            let redacting = of_table(&self.acting, Some(table)).filter(|other| !rules[*other].act.removes());
            before.extend(redacting.filter(|other| !rule.act.removes() && frees(&rules[*other], rule)));
        }
        before
    }
}

fn of_table<'a>(
    index: &'a HashMap<&TableName, Vec<usize>>,
    table: Option<&TableName>,
) -> impl Iterator<Item = usize> + use<'a> {
    let places = table.and_then(|table| index.get(table)).map_or(&[][..], Vec::as_slice);
    places.iter().copied()
}

/// Orders the rules and tells each which removing rules come before it. Rules in a [circle](circles) are to be taken out
/// before.
pub fn in_order(rules: Vec<RulePlan>) -> Vec<RulePlan> {
    let order = order(&rules);
    let mut waiting: Vec<Option<RulePlan>> = rules.into_iter().map(Some).collect();
    let mut placed: Vec<RulePlan> = Vec::with_capacity(waiting.len());
    let mut earlier: Vec<Arc<RulePlan>> = Vec::new();
    for at in order {
        let Some(mut rule) = waiting[at].take() else { continue };
        rule.earlier = earlier.clone();
        let is_counted_upon = rule.act.removes() || waiting.iter().flatten().any(|later| frees(&rule, later));
        if is_counted_upon && !rule.targets.is_empty() {
            earlier.push(Arc::new(rule.clone()));
        }
        placed.push(rule);
    }
    placed
}

/// The places of the rules in the order in which they act: always the first one for which nothing must, and if there is one,
/// nothing should act before it.
fn order(rules: &[RulePlan]) -> Vec<usize> {
    let edges = Edges::between(rules);
    let mut waiting: BTreeSet<usize> = (0..rules.len()).collect();
    let mut removing = rules.iter().filter(|rule| rule.act.removes()).count();
    let mut order = Vec::with_capacity(rules.len());
    while let Some(first) = waiting.first().copied() {
        let is_free = |before: &BTreeSet<usize>| before.is_disjoint(&waiting);
        let may = |at: &&usize| is_free(&edges.musts[**at]);
        let should = |at: &&usize| is_free(&edges.wishes[**at]) && (rules[**at].act.removes() || removing == 0);
        let next = waiting.iter().find(|at| may(at) && should(at)).or_else(|| waiting.iter().find(may));
        let next = next.copied().unwrap_or(first);
        waiting.remove(&next);
        removing -= usize::from(rules[next].act.removes());
        order.push(next);
    }
    order
}

/// Rules that look at what each other changes, so that whichever acts first makes rows due for another that no plan has
/// counted. Each looks at what the one behind it changes, and the last one at what the first changes.
#[derive(Debug, PartialEq)]
pub struct Circle {
    /// Places in the list, each with the table that it looks at and the next one changes.
    pub rules: Vec<(usize, TableName)>,
}

/// Circles of two rules and more, until the rules outside of them are in none. A rule that looks at its own table is no
/// circle: it acts by one plan, which bounds what it does.
pub fn circles(rules: &[RulePlan]) -> Vec<Circle> {
    let musts = Edges::between(rules).musts;
    let mut waiting: BTreeSet<usize> = (0..rules.len()).collect();
    let mut found = Vec::new();
    loop {
        while let Some(free) = waiting.iter().copied().find(|at| musts[*at].is_disjoint(&waiting)) {
            waiting.remove(&free);
        }
        let Some(start) = waiting.first().copied() else { return found };
        let circle = circle_before(&musts, &waiting, start);
        circle.iter().for_each(|at| drop(waiting.remove(at)));
        found.push(told(rules, &circle));
    }
}

/// A circle that is met on the way from a rule to one that must act before it, and so on; all that wait have one.
fn circle_before(musts: &[BTreeSet<usize>], waiting: &BTreeSet<usize>, start: usize) -> Vec<usize> {
    let mut path = vec![start];
    loop {
        let last = path[path.len() - 1];
        let Some(next) = musts[last].intersection(waiting).next().copied() else { return path };
        if let Some(at) = path.iter().position(|met| *met == next) {
            return path.split_off(at);
        }
        path.push(next);
    }
}

/// In the order of the schedule, as far as a circle has a beginning.
fn told(rules: &[RulePlan], circle: &[usize]) -> Circle {
    // Each must act after the one behind it in `circle`: that one looks at what it changes.
    let mut pairs: Vec<(usize, usize)> = circle
        .iter()
        .copied()
        .zip(circle.iter().copied().cycle().skip(1))
        .map(|(changing, looking)| (looking, changing))
        .collect();
    pairs.reverse();
    let first = pairs.iter().enumerate().min_by_key(|(_, (looking, _))| *looking).map_or(0, |(place, _)| place);
    pairs.rotate_left(first);
    let table = |looking: usize, changing: usize| {
        let changes = changes(&rules[changing]);
        let seen = changes.iter().find(|change| reads(&rules[looking], change)).map(|change| change.table.clone());
        seen.or_else(|| rules[looking].root().cloned())
    };
    Circle {
        rules: pairs.into_iter().filter_map(|(looking, changing)| Some((looking, table(looking, changing)?))).collect(),
    }
}
