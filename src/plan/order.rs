//! The order in which the rules of one plan act, and what that means for the rules that come later.
//!
//! A rule acts before whatever changes what it looks at ([`edges`](super::edges)): that is a must, and rules that would have to
//! wait for each other are refused ([`circles`]). Beyond that, as far as the musts leave room: children go before their
//! parents, so that a parent is not blocked by a child that the same run removes; redactions come last, so that nothing is
//! redacted that is about to go. A later rule counts as gone what an earlier one takes, which makes the dry run's figures
//! those of the run where rules meet on the same rows.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::earlier::Placed;
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
    let mut earlier = Placed::default();
    for at in order {
        let Some(mut rule) = waiting[at].take() else { continue };
        rule.earlier = earlier.before(&rule);
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
        waiting.retain(|at| !circle.contains(at));
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::base::name::Name;
    use crate::plan::{
        Anchor, BucketForm, Condition, Dependent, GuardLimits, Hold, Hop, Likeness, Link, Parent, Reading, Redaction,
        Rollup, Target,
    };
    use crate::schedule::{Bucket, Redact, Then};

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn table(text: &str) -> TableName {
        TableName::new(None, name(text))
    }

    fn condition(text: &str, of: &str) -> Condition {
        Condition::parsed(text, vec![of.to_owned()], false)
    }

    fn anchor(hops: &[(&str, &str, &str)]) -> Anchor {
        let hop = |(column, of, key): &(&str, &str, &str)| Hop {
            column: name(column),
            table: table(of),
            only: false,
            key: name(key),
            likeness: Likeness::Same,
        };
        let bound = jiff::Timestamp::UNIX_EPOCH;
        Anchor {
            hops: hops.iter().map(hop).collect(),
            column: name("at"),
            reading: Reading::Instant { bound },
            nullable: true,
            never: Vec::new(),
            is_filled_up: false,
        }
    }

    fn link(child: &str, column: &str) -> Link {
        let column = vec![name(column)];
        Link {
            table: table(child),
            columns: column.clone(),
            parent: Parent::Root,
            parent_columns: vec![name("id")],
            let_go: column,
            only: false,
            only_in: Vec::new(),
            period: false,
        }
    }

    /// A rule that deletes from `of`.
    fn delete(rule: &str, of: &str) -> RulePlan {
        let target = Target {
            table: table(of),
            root: table(of),
            alias: name(of),
            only: false,
            whose: None,
            anchors: vec![anchor(&[])],
            condition: None,
            redactions: Vec::new(),
            stamped: Vec::new(),
            holds: Vec::new(),
            blockers: Vec::new(),
            self_links: Vec::new(),
            has_triggers: false,
            passages: Vec::new(),
            axes: Vec::new(),
            key: Vec::new(),
        };
        RulePlan {
            rule: rule.to_owned(),
            promises: Vec::new(),
            database: "main".to_owned(),
            table: table(of),
            retain: "30 days".to_owned(),
            cutoff: Some(jiff::Timestamp::UNIX_EPOCH),
            act: Act::Delete,
            targets: vec![target],
            dependents: Vec::new(),
            guard: GuardLimits { max_rows: u64::MAX, max_share: 1.0, max_age: None, max_unreadable: 1.0 },
            earlier: Vec::<Arc<RulePlan>>::new(),
        }
    }

    fn redact(rule: &str, of: &str, column: &str) -> RulePlan {
        let mut plan = RulePlan { act: Act::Redact, ..delete(rule, of) };
        plan.targets[0].redactions.push(Redaction {
            column: name(column),
            is_text: true,
            is_unique: false,
            sql_type: "text".to_owned(),
            how: Redact::Null,
            bytes: Vec::new(),
            key: None,
        });
        plan
    }

    fn roll_up(rule: &str, of: &str, into: &str) -> RulePlan {
        let rollup = Rollup {
            into: table(into),
            bucket: Bucket::Day,
            zone: TimeZone::UTC,
            form: BucketForm::Date(TimeZone::UTC),
            dimensions: Vec::new(),
            measures: Vec::new(),
            people: None,
            at_least: 5,
            leaves: Vec::new(),
        };
        RulePlan { act: Act::Aggregate(rollup), ..delete(rule, of) }
    }

    impl RulePlan {
        fn asking(mut self, text: &str, of: &str) -> Self {
            self.targets[0].condition = Some(condition(text, of));
            self
        }

        fn aged_over(mut self, hops: &[(&str, &str, &str)]) -> Self {
            self.targets[0].anchors = vec![anchor(hops)];
            self
        }

        fn held_by(mut self, text: &str, of: &str) -> Self {
            let condition = Some(condition(text, of));
            let (name, only_in) = ("hold".to_owned(), Vec::new());
            self.targets[0].holds.push(Hold {
                name,
                by_hand: false,
                anchors: Vec::new(),
                condition,
                only_in,
                people: None,
            });
            self
        }

        fn blocked_by(mut self, child: &str, column: &str) -> Self {
            self.targets[0].blockers.push(link(child, column));
            self
        }

        fn along(mut self, child: &str, column: &str, then: Then) -> Self {
            self.dependents.push(Dependent {
                table: table(child),
                shown: table(child),
                then,
                links: vec![link(child, column)],
                stamped: Vec::new(),
                has_triggers: false,
                holds: Vec::new(),
                blockers: Vec::new(),
                self_links: Vec::new(),
                passages: Vec::new(),
            });
            self
        }

        fn kept_for_ever(mut self) -> Self {
            self.targets.clear();
            self
        }
    }

    fn ordered(rules: Vec<RulePlan>) -> Vec<String> {
        in_order(rules).into_iter().map(|rule| rule.rule).collect()
    }

    fn circles_of(rules: &[RulePlan]) -> Vec<Vec<(&str, String)>> {
        let told = |circle: Circle| {
            circle.rules.iter().map(|(at, table)| (rules[*at].rule.as_str(), table.to_string())).collect()
        };
        circles(rules).into_iter().map(told).collect()
    }

    #[test]
    fn a_rule_acts_before_whatever_changes_what_it_looks_at() {
        for (what, rules) in [
            ("a condition", vec![delete("b", "t"), delete("a", "s").asking("EXISTS (SELECT 1 FROM t)", "t")]),
            (
                "a name in other letters",
                vec![delete("b", "t"), delete("a", "s").asking("EXISTS (SELECT 1 FROM T)", "T")],
            ),
            ("an age", vec![delete("b", "t"), delete("a", "s").aged_over(&[("t_id", "t", "id")])]),
            ("a hold", vec![delete("b", "t"), delete("a", "s").held_by("EXISTS (SELECT 1 FROM t)", "t")]),
            (
                "a cascade",
                vec![
                    delete("b", "p").along("t", "p_id", Then::Delete),
                    delete("a", "s").asking("EXISTS (SELECT 1 FROM t)", "t"),
                ],
            ),
            (
                "a reference that is let go of",
                vec![
                    delete("b", "p").along("t", "p_id", Then::Null),
                    delete("a", "s").asking("id IN (SELECT p_id FROM t)", "t"),
                ],
            ),
            (
                "a roll-up's rows",
                vec![roll_up("b", "r", "t"), delete("a", "s").asking("EXISTS (SELECT 1 FROM t)", "t")],
            ),
            ("what is rolled up into", vec![roll_up("b", "r", "t"), delete("a", "t")]),
            ("a redaction", vec![redact("b", "t", "c"), redact("a", "s", "x").asking("id IN (SELECT c FROM t)", "t")]),
            ("a column of its own rows", vec![redact("b", "t", "c"), redact("a", "t", "x").asking("c > 1", "u")]),
            (
                "a must against a wish",
                vec![redact("a", "s", "x").asking("EXISTS (SELECT 1 FROM t)", "t"), delete("b", "t")],
            ),
        ] {
            assert!(circles(&rules).is_empty(), "{what}");
            assert_eq!(ordered(rules), ["a", "b"], "{what}");
        }
    }

    #[test]
    fn children_go_before_parents_and_redactions_last_as_far_as_the_musts_leave_room() {
        let looks_at_parents = || delete("child", "c").asking("EXISTS (SELECT 1 FROM p)", "p");
        for (what, rules, order) in [
            (
                "children",
                vec![delete("parent", "p").blocked_by("c", "p_id"), delete("child", "c")],
                ["child", "parent"],
            ),
            ("redactions", vec![redact("parent", "t", "c"), delete("child", "t")], ["child", "parent"]),
            (
                "a blocker that may act",
                vec![delete("parent", "p").blocked_by("c", "p_id"), looks_at_parents()],
                ["child", "parent"],
            ),
            (
                "a blocker that may not",
                vec![
                    delete("child", "c"),
                    delete("parent", "p").blocked_by("c", "p_id").asking("EXISTS (SELECT 1 FROM c)", "c"),
                ],
                ["parent", "child"],
            ),
            ("the schedule", vec![delete("child", "c"), delete("parent", "p")], ["child", "parent"]),
        ] {
            assert_eq!(ordered(rules), order, "{what}");
        }
    }

    #[test]
    fn rules_that_look_at_what_each_other_changes_are_a_circle() {
        let a = |of: &str| delete("a", "s").asking("EXISTS (SELECT 1 FROM x)", of);
        let b = |of: &str| delete("b", "t").asking("EXISTS (SELECT 1 FROM x)", of);
        assert_eq!(circles_of(&[a("t"), b("s")]), [[("a", "t".to_owned()), ("b", "s".to_owned())]]);
        let c = delete("c", "u").aged_over(&[("s_id", "s", "id")]);
        assert_eq!(
            circles_of(&[a("t"), b("u"), c]),
            [[("a", "t".to_owned()), ("b", "u".to_owned()), ("c", "s".to_owned())]]
        );
        let cascading = delete("b", "p").along("t", "p_id", Then::Delete).asking("EXISTS (SELECT 1 FROM s)", "s");
        assert_eq!(circles_of(&[a("t"), cascading]).len(), 1);
        let nulling = delete("b", "p").along("t", "x", Then::Null).asking("EXISTS (SELECT 1 FROM s)", "s");
        assert_eq!(circles_of(&[a("t"), nulling]).len(), 1);
    }

    #[test]
    fn what_is_no_circle_is_not_refused() {
        let asks = |rule: &str, of: &str, other: &str| delete(rule, of).asking("id IN (SELECT next FROM x)", other);
        for (what, rules) in [
            ("a rule that looks at its own table", vec![asks("a", "t", "t")]),
            ("two rules of which one looks", vec![asks("a", "t", "s"), delete("b", "s")]),
            ("a period for ever", vec![asks("a", "t", "s"), asks("b", "s", "t").kept_for_ever()]),
            (
                "a column that is not asked for",
                vec![asks("a", "t", "s"), redact("b", "s", "ip").asking("EXISTS (SELECT 1 FROM t)", "t")],
            ),
            (
                "stages of one table",
                vec![asks("a", "t", "t"), redact("b", "t", "ip").asking("id IN (SELECT next FROM t)", "t")],
            ),
            (
                "rules that block each other",
                vec![delete("a", "s").blocked_by("t", "s_id"), delete("b", "t").blocked_by("s", "t_id")],
            ),
        ] {
            assert_eq!(circles(&rules), [], "{what}");
            assert_eq!(ordered(rules.clone()).len(), rules.len(), "{what}");
        }
    }

    #[test]
    fn rules_outside_of_a_circle_are_not_in_it() {
        let asks = |rule: &str, of: &str, other: &str| delete(rule, of).asking("EXISTS (SELECT 1 FROM x)", other);
        let rules = [
            asks("before", "q", "s"),
            asks("a", "s", "t"),
            asks("b", "t", "s"),
            asks("after", "r", "t"),
            delete("far", "f"),
        ];
        let found = circles_of(&rules);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].iter().map(|(rule, _)| *rule).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn thousands_of_rules_are_ordered_at_once() {
        let rules: Vec<_> = (0..3_000).map(|at| delete(&format!("r{at}"), &format!("t{at}"))).collect();
        let started = std::time::Instant::now();
        assert!(circles(&rules).is_empty());
        assert_eq!(order(&rules), (0..3_000).collect::<Vec<_>>());
        assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
    }
}
