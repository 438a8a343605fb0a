//! The entries of the map of people, made into plans: what happens to the rows of each table, and in which order.

use std::sync::Arc;

use super::beside::{self, Beside};
use super::dependents::{self, Family, Wanted};
use super::people::{PeopleTable, label, steps};
use super::reading::{Blame, anchors, find_table};
use super::{Resolver, kept, owners, parse_condition, redaction, unfit};
use crate::base::name::{Name, TableName};
use crate::db::catalog::Table;
use crate::db::predicate::exclusion::exclude_each_other;
use crate::diagnostic::mistake::Mistake;
use crate::plan::{
    Act, Entry, Ground, Hold, Kept, Link, Parent, People, Redaction, RulePlan, SelfEffect, Target, Who, Whose,
    entries_in_order, mind_each_other, says_all_of,
};
use crate::schedule::{Data, DataAct, Redact, Subject, Then};

/// The entries in the order in which they act, and what stays as it is.
pub(super) type Map = (Vec<Entry>, Vec<Kept>);

/// # Errors
/// All mistakes of the map.
pub(super) fn of(
    resolver: &Resolver<'_, '_>,
    subject: &Subject,
    people: PeopleTable<'_>,
    target: &Arc<Target>,
) -> Result<Map, Vec<Mistake>> {
    let builder = Builder::of(resolver, subject, people, target);
    let others = beside::others(resolver, subject);
    let (made, mistakes): (Vec<_>, Vec<_>) = builder.parts().into_iter().partition(Result::is_ok);
    let mut mistakes: Vec<_> = mistakes.into_iter().filter_map(Result::err).flatten().collect();
    let mut made: Vec<Part> = made.into_iter().filter_map(Result::ok).collect();
    if mistakes.is_empty() {
        mistakes.extend(builder.no_own_row(&made));
        mistakes.extend(builder.contradictions(&made));
        mistakes.extend(builder.disagreements(&made));
    }
    if mistakes.is_empty() {
        owners::all_of_copies(&mut made);
        mistakes.extend(owners::lost_to_others(&subject.data, &made));
        mistakes.extend(others.iter().filter_map(Beside::not_understood));
        mistakes.extend(kept::hold_against_others(resolver, (subject, people), &others, &mut made));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let (mut entries, mut kept) = (Vec::new(), Vec::new());
    for part in made {
        match part {
            Part::Acts(entry) => entries.push(*entry),
            Part::Stays(one) => kept.push(*one),
        }
    }
    names_differ(entries.iter_mut().map(|entry| &mut entry.plan.rule));
    names_differ(kept.iter_mut().map(|kept| &mut kept.name));
    mind_each_other(&mut entries);
    entries.iter_mut().for_each(|entry| mind_others(entry, &others));
    Ok((entries_in_order(entries), kept))
}

/// What each entry says of its rows by itself, in the order of the schedule, or its mistakes.
pub(super) fn parts(
    resolver: &Resolver<'_, '_>,
    subject: &Subject,
    people: PeopleTable<'_>,
    target: &Arc<Target>,
) -> Vec<Result<Part, Vec<Mistake>>> {
    Builder::of(resolver, subject, people, target).parts()
}

/// Lets the entry's rows wait for those that the maps of other policies find by way of them.
fn mind_others(entry: &mut Entry, others: &[Beside<'_, '_>]) {
    for (_, part) in others.iter().flat_map(Beside::parts) {
        // What another one keeps as it is is held already.
        let says_all = part.entry().is_none_or(|other| says_all_of(entry, other));
        entry.plan.mind(part.targets().first(), None, says_all);
    }
}

pub(super) enum Part {
    Acts(Box<Entry>),
    Stays(Box<Kept>),
}

impl Part {
    pub fn index(&self) -> usize {
        match self {
            Part::Acts(entry) => entry.index,
            Part::Stays(kept) => kept.index,
        }
    }

    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Part::Acts(entry) => Some(entry),
            Part::Stays(_) => None,
        }
    }

    pub fn entry_mut(&mut self) -> Option<&mut Entry> {
        match self {
            Part::Acts(entry) => Some(entry),
            Part::Stays(_) => None,
        }
    }

    pub fn targets(&self) -> &[Target] {
        match self {
            Part::Acts(entry) => &entry.plan.targets,
            Part::Stays(kept) => &kept.targets,
        }
    }

    fn removes(&self) -> bool {
        self.entry().is_some_and(|entry| entry.plan.act.removes())
    }

    /// A ground keeps the rows, whole or redacted.
    pub fn is_kept(&self) -> bool {
        match self {
            Part::Acts(entry) => entry.kept.is_some(),
            Part::Stays(_) => true,
        }
    }
}

struct Builder<'a, 'c> {
    resolver: &'a Resolver<'a, 'c>,
    subject: &'a Subject,
    people: PeopleTable<'c>,
    due: Arc<People>,
}

impl<'a, 'c> Builder<'a, 'c> {
    fn of(resolver: &'a Resolver<'a, 'c>, subject: &'a Subject, people: PeopleTable<'c>, target: &Arc<Target>) -> Self {
        let due = Arc::new(People { target: Arc::clone(target), who: Who::Closed });
        Self { resolver, subject, people, due }
    }

    fn parts(&self) -> Vec<Result<Part, Vec<Mistake>>> {
        self.subject.data.iter().enumerate().map(|(index, data)| self.part(index, data)).collect()
    }
}

impl Builder<'_, '_> {
    fn part(&self, index: usize, data: &Data) -> Result<Part, Vec<Mistake>> {
        let context = self.resolver.context;
        let label = label(data);
        let blame = Blame { label: &label, places: &data.places, key: "table" };
        let root = find_table(context, &blame, &data.table).map_err(|mistake| vec![mistake])?;
        if let Some(mistake) = unfit(&blame, self.resolver.context.catalog, root) {
            return Err(vec![mistake]);
        }
        let mut mistakes = Vec::new();
        let mut note = |more: Vec<Mistake>| mistakes.extend(more);
        let steps = steps(context, self.subject, data, root, self.people).map_err(|mistake| note(vec![mistake])).ok();
        let condition = parse_condition(context, root, (&label, &data.places), data.condition.as_deref())
            .map_err(|mistake| note(vec![mistake]))
            .unwrap_or_default();
        let redactions = redaction::redactions(context, &label, &data.places, root, data.redactions())
            .map_err(&mut note)
            .unwrap_or_default();
        note(self.fixed_columns(&blame, root, &redactions));
        let removes = matches!(data.act, DataAct::Delete { .. });
        let referrers = dependents::referrers(context, &Blame { key: "redact", ..blame }, root, &redactions)
            .map_err(|mistake| note(vec![mistake]))
            .unwrap_or_default();
        note(self.referred_to_before_they_go(&blame, data, &referrers).into_iter().collect());
        let family = self.family(data, &label, root).map_err(&mut note).ok();
        let ground = self.ground(data, &label, root).map_err(&mut note).ok();
        let (Some(steps), Some(mut family), Some(ground), true) = (steps, family, ground, mistakes.is_empty()) else {
            return Err(mistakes);
        };
        family.blockers.extend(referrers);
        let whose = Some(Whose { steps, people: Arc::clone(&self.due), also: Vec::new() });
        let template = Target { whose, condition, ..self.resolver.plain(root) };
        if removes {
            let asked = Asked { target: &template, family: &family, holds: &self.resolver.holds_of_table(root) };
            let mut mistakes: Vec<_> = redactions.iter().filter_map(|one| asked.for_it(data, &one.column)).collect();
            mistakes.extend(asked.lets_go_of_its_way(data));
            if !mistakes.is_empty() {
                return Err(mistakes);
            }
        }
        Ok(match ground {
            Some(ground) if redactions.is_empty() => {
                Part::Stays(Box::new(Kept { index, ..self.kept(data, root, template, ground) }))
            }
            ground => {
                let entry = self.entry(data, root, template, family, redactions, ground);
                Part::Acts(Box::new(Entry { index, ..entry }))
            }
        })
    }

    fn kept(&self, data: &Data, root: &Table, template: Target, ground: Ground) -> Kept {
        Kept {
            index: 0,
            name: format!("keep:{}", data.name()),
            promises: self.promises(data),
            category: data.category.clone(),
            targets: self.resolver.passing_written_holds().targets(root, &template),
            shown: data.table.clone(),
            ground,
        }
    }

    fn entry(
        &self,
        data: &Data,
        root: &Table,
        template: Target,
        family: Family,
        redactions: Vec<Redaction>,
        kept: Option<Ground>,
    ) -> Entry {
        let removes = matches!(data.act, DataAct::Delete { .. });
        let (redactions, redact_first) = if removes { (Vec::new(), redactions) } else { (redactions, Vec::new()) };
        let template = Target { redactions, blockers: family.blockers, self_links: family.self_links, ..template };
        let targets = match kept {
            Some(_) => self.resolver.passing_written_holds().targets(root, &template),
            None => self.resolver.targets(root, &template),
        };
        let mut dependents = family.dependents;
        self.resolver.hold_dependents(&mut dependents);
        let plan = RulePlan {
            rule: format!("erase:{}", data.name()),
            title: data.title.clone(),
            promises: self.promises(data),
            database: self.resolver.context.database.to_owned(),
            table: data.table.clone(),
            retain: format!("within {} of closing", self.subject.deadline),
            cutoff: Some(self.resolver.grace_began(self.subject)),
            act: if removes { Act::Delete } else { Act::Redact },
            targets,
            dependents,
            guard: self.resolver.guard(&self.subject.guard, None),
            earlier: Vec::new(),
        };
        Entry { index: 0, plan, category: data.category.clone(), kept, redact_first }
    }

    /// An entry without promises of its own keeps those of the map.
    fn promises(&self, data: &Data) -> Vec<String> {
        if data.promises.is_empty() { self.subject.promises.clone() } else { data.promises.clone() }
    }

    fn family(&self, data: &Data, label: &str, root: &Table) -> Result<Family, Vec<Mistake>> {
        match data.act {
            DataAct::Delete { .. } => {
                let wanted = Wanted { label, places: &data.places, cascade: &data.cascade };
                dependents::family(self.resolver.context, &wanted, root)
            }
            DataAct::Redact(_) | DataAct::Keep { .. } => Ok(Family::default()),
        }
    }

    fn ground(&self, data: &Data, label: &str, root: &Table) -> Result<Option<Ground>, Vec<Mistake>> {
        let DataAct::Keep { reason, until, .. } = &data.act else { return Ok(None) };
        let blame = Blame { label, places: &data.places, key: "anchor" };
        let until = match until {
            Some((period, wanted)) => {
                let found = anchors(self.resolver.context, &blame, root, wanted, self.resolver.context.as_of)?;
                Some((period.clone(), found))
            }
            None => None,
        };
        Ok(Some(Ground { reason: reason.clone(), until }))
    }

    /// Columns by which the person is found and the clock runs, which no erasure may change.
    fn fixed_columns(&self, blame: &Blame<'_>, root: &Table, redactions: &[Redaction]) -> Vec<Mistake> {
        if root.name != self.people.table.name {
            return Vec::new();
        }
        let of_anchors = self.due.target.anchors.iter().map(|anchor| ("closed", &anchor.column));
        let fixed: Vec<_> = std::iter::once(("key", &self.people.key.name)).chain(of_anchors).collect();
        let refused = redactions.iter().filter_map(|redaction| {
            let (what, _) = fixed.iter().find(|(_, column)| **column == redaction.column)?;
            let key = format!("redact.{}", redaction.column);
            let reason = format!("`{}` may not be redacted, because it is the `{what}` of [subject]", redaction.column);
            let remedy = match *what {
                "key" => "delete the row, or redact the columns that tell who it was",
                _ => "let the column be: without it nobody could tell that the person is to be gone, and since when",
            };
            Some(Blame { key: &key, ..*blame }.mistake(reason).remedy(remedy))
        });
        refused.collect()
    }

    /// Rows that are changed just before they go may not change others by that.
    fn referred_to_before_they_go(&self, blame: &Blame<'_>, data: &Data, referrers: &[Link]) -> Option<Mistake> {
        let link = referrers.first().filter(|_| matches!(data.act, DataAct::Delete { .. }))?;
        let (child, column, to) = (&link.table, joined(&link.columns), joined(&link.parent_columns));
        let reason = format!("`{child}.{column}` refers to `{to}` of these rows, which is redacted before they go");
        Some(
            Blame { key: "redact", ..*blame }
                .mistake(reason)
                .remedy("leave the column out of `redact`: the rows go anyway"),
        )
    }

    /// Whatever else is mapped, the person's own row says who it was.
    fn no_own_row(&self, parts: &[Part]) -> Option<Mistake> {
        let is_own = |target: &Target| target.whose.as_ref().is_some_and(|whose| whose.steps.is_empty());
        let has_one = parts.iter().any(|part| part.targets().iter().any(is_own));
        let (table, key) = (&self.subject.table, &self.subject.key);
        let blame = Blame { label: "subject", places: &self.subject.places, key: "table" };
        (!has_one).then(|| {
            blame.mistake(format!("no entry says what becomes of the person's own row in `{table}`")).remedy(format!(
                "add [[subject.data]] with table = \"{table}\", column = \"{key}\" and an action: \"delete\", \"redact\" or \
                 \"keep\""
            ))
        })
    }

    /// Rows that one entry lets stay and another one would take along, or would never be able to let go of.
    fn contradictions(&self, parts: &[Part]) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for (data, gone) in self.subject.data.iter().zip(parts) {
            let Some(entry) = gone.entry() else { continue };
            for (other, stays) in self.subject.data.iter().zip(parts).filter(|(_, part)| !part.removes()) {
                mistakes.extend(self.contradiction(data, entry, other, stays));
            }
        }
        mistakes
    }

    fn contradiction(&self, data: &Data, entry: &Entry, other: &Data, stays: &Part) -> Option<Mistake> {
        let gone = entry.plan.targets.first()?;
        let stays_in = stays.targets().first()?;
        let first = stays_in.first_column();
        let label = label(data);
        let blame = Blame { label: &label, places: &data.places, key: "action" };
        let (table, verb) = (&other.table, if stays.is_kept() { "keeps" } else { "redacts" });
        let leads_here =
            |link: &Link| link.table == stays_in.root && first.is_some_and(|first| link.columns == [first.clone()]);
        let cascaded = entry.plan.dependents.iter().any(|dependent| {
            dependent.then == Then::Delete
                && dependent.table == stays_in.root
                && (stays.is_kept() || dependent.links.iter().any(leads_here))
        });
        if cascaded {
            let reason = format!("rows of `{table}` would go with these, and `{}` {verb} them", other.name());
            let or_let_go =
                first.map(|first| format!(", or let the reference go first: redact = {{ {first} = \"null\" }}"));
            return Some(blame.mistake(reason).remedy(format!(
                "redact the rows of `{}` instead of deleting them{}",
                data.table,
                or_let_go.unwrap_or_default()
            )));
        }
        let step = stays_in.whose.as_ref()?.steps.first()?;
        // A constant leads to a row that is nobody's.
        let is_elsewhere = |how: &Redact| matches!(how, Redact::Null | Redact::Set(_));
        let lets_go = stays_in.redactions.iter().any(|one| one.column == step.column && is_elsewhere(&one.how));
        let blocked = step.table == gone.root && gone.blockers.iter().any(leads_here) && !lets_go;
        blocked.then(|| {
            let (to, could_never, instead) = match entry.plan.act.removes() {
                true => (
                    "these rows",
                    "they could never go",
                    format!("redact the rows of `{}` instead of deleting them", data.table),
                ),
                false => {
                    ("what is redacted here", "it could never be redacted", "leave the column as it is".to_owned())
                }
            };
            let reason = format!(
                "`{table}.{}` refers to {to}, and `{}` {verb} it, so that {could_never}",
                step.column,
                other.name()
            );
            blame
                .mistake(reason)
                .remedy(format!("{instead}, or add `{} = \"null\"` to what is redacted in `{table}`", step.column))
        })
    }

    /// What two entries would do to one row of both, so that the one undoes, or never finds, what the other says.
    fn disagreements<'p>(&'p self, parts: &'p [Part]) -> Vec<Mistake> {
        let acting = |(data, part): (_, &'p Part)| match part {
            Part::Acts(entry) => Some((data, &**entry)),
            Part::Stays(_) => None,
        };
        let entries: Vec<(&Data, &Entry)> = self.subject.data.iter().zip(parts).filter_map(acting).collect();
        let mut mistakes = Vec::new();
        for (at, later) in entries.iter().enumerate() {
            let may_meet =
                |other: &&(&Data, &Entry)| other.1.root() == later.1.root() && !self.are_told_apart(other.1, later.1);
            for earlier in entries[..at].iter().filter(may_meet) {
                mistakes.extend(two_values(*earlier, *later));
                mistakes.extend(lost_from_sight(*earlier, *later).or_else(|| lost_from_sight(*later, *earlier)));
            }
        }
        mistakes
    }

    /// Is no row of both, as their conditions say?
    fn are_told_apart(&self, one: &Entry, other: &Entry) -> bool {
        let condition = |entry: &Entry| entry.plan.targets.first().and_then(|target| target.condition.clone());
        let dialect = self.resolver.context.catalog.dialect;
        matches!((condition(one), condition(other)), (Some(one), Some(other)) if exclude_each_other(dialect, &one, &other))
    }
}

const TELL_APART: &str = "tell their rows apart by a `where` in each, such as a column's value in the one and another value of it in the \
                          other, or `NOT (…)` around what the other one says";

/// What tells which rows an entry deletes, and what goes with them.
struct Asked<'a> {
    target: &'a Target,
    family: &'a Family,
    holds: &'a [Hold],
}

impl Asked<'_> {
    /// A redaction just before the deletion must not change what the deletion asks for, nor the key by which it finds the rows.
    fn for_it(&self, data: &Data, column: &Name) -> Option<Mistake> {
        let label = label(data);
        let key = format!("redact.{column}");
        let reason = self.why(column)?;
        let blame = Blame { label: &label, places: &data.places, key: &key };
        let mistake = blame.mistake(format!("`{column}` may not change before the rows are deleted, because {reason}"));
        Some(mistake.remedy("leave it out of `redact`: it goes with the row"))
    }

    /// A reference that leads to the rows, and that is let go of before they are deleted.
    fn lets_go_of_its_way(&self, data: &Data) -> Option<Mistake> {
        let steps = self.target.whose.as_ref().map_or(&[][..], |whose| &whose.steps);
        let tables = std::iter::once(&self.target.root).chain(steps.iter().map(|step| &step.table));
        let lets_go = |table: &TableName, column: &Name| {
            let own = self.family.self_links.iter().filter(|link| link.effect == SelfEffect::Null);
            let of_dependents = self.family.dependents.iter().filter(|dependent| dependent.then == Then::Null);
            let mut links = of_dependents.flat_map(|dependent| &dependent.links);
            own.into_iter().any(|link| *table == self.target.root && link.let_go.contains(column))
                || links.any(|link| link.table == *table && link.let_go.contains(column))
        };
        let (_, step) = tables.zip(steps).find(|(table, step)| lets_go(table, &step.column))?;
        let label = label(data);
        let blame = Blame { label: &label, places: &data.places, key: "column" };
        let reason = format!("`{}` leads to the person, and these rows let go of it as they go", step.column);
        Some(blame.mistake(reason).remedy("redact the rows instead of deleting them, or map them by another way"))
    }

    fn why(&self, column: &Name) -> Option<String> {
        if self.target.key.contains(column) {
            return Some("it tells them from others".to_owned());
        }
        let condition = self.target.condition.as_ref().filter(|condition| condition.names(column));
        if condition.is_some() {
            return Some("`where` asks for it".to_owned());
        }
        let step = self.target.whose.as_ref().and_then(|whose| whose.steps.first());
        if step.is_some_and(|step| step.column == *column) {
            return Some("it says whose they are".to_owned());
        }
        let of_dependents = self.family.dependents.iter().flat_map(|dependent| &dependent.links);
        let links = of_dependents.filter(|link| link.parent == Parent::Root).map(|link| &link.parent_columns);
        let own = self.family.self_links.iter().map(|link| &link.parent_columns);
        if links.chain(own).any(|columns| columns.contains(column)) {
            return Some("others refer to it that go, or let go, with them".to_owned());
        }
        let hold = self.holds.iter().find(|hold| hold.asks_of_the_row(column))?;
        Some(format!("hold `{}` asks for it", hold.name))
    }
}

/// A column of which each of two entries makes something else: it would be changed to and fro in every run.
fn two_values((data, entry): (&Data, &Entry), (later, other): (&Data, &Entry)) -> Option<Mistake> {
    let differs = |own: &&Redaction| other.redactions().any(|one| one.column == own.column && one.how != own.how);
    let column = &entry.redactions().find(differs)?.column;
    let (label, key) = (label(later), format!("redact.{column}"));
    let blame = Blame { label: &label, places: &later.places, key: &key };
    let reason = format!("`{column}` becomes something else here than in `{}`, and a row may be of both", data.name());
    Some(blame.mistake(reason).remedy(format!("let both say the same, or {TELL_APART}")))
}

/// The first lets a row forget whose it is before the second has done all that it says, or in rows of whoever else.
fn lost_from_sight((data, entry): (&Data, &Entry), (other_data, other): (&Data, &Entry)) -> Option<Mistake> {
    let column = other.first_column().filter(|column| entry.redacts(column))?;
    let is_of_the_same = entry.first_column() == Some(column);
    // Of two that both let go, whoever says more goes first; who lets go alone goes last.
    let comes_to_its_end = if is_of_the_same { !other.redacts(column) || says_all_of(other, entry) } else { false };
    if comes_to_its_end || says_all_of(entry, other) {
        return None;
    }
    let (label, key) = (label(data), format!("redact.{column}"));
    let blame = Blame { label: &label, places: &data.places, key: &key };
    let reason = format!(
        "`{column}` is what `{}` finds its rows by, which would be nobody's before it is done",
        other_data.name()
    );
    Some(
        blame
            .mistake(reason)
            .remedy(format!("let one entry of `{}` say all that becomes of such rows, or {TELL_APART}", data.table)),
    )
}

/// `#2`, `#3` behind names that are borne already.
pub(super) fn names_differ<'n>(names: impl Iterator<Item = &'n mut String>) {
    let mut taken: Vec<String> = Vec::new();
    for name in names {
        let plain = name.clone();
        let mut number = 1;
        while taken.contains(name) {
            number += 1;
            *name = format!("{plain}#{number}");
        }
        taken.push(name.clone());
    }
}

/// `x` or `x, y`
fn joined(columns: &[Name]) -> String {
    columns.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}
