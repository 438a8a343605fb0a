//! What hangs on a rule's rows: what goes with them, what is set to NULL, and what keeps them.
//!
//! Every foreign key that leads to a row that goes is answered: by the schedule's `cascade`, or by the key's own ON DELETE
//! (a CASCADE or SET NULL that the database would do in silence is done in the open, so that it is counted and held). A
//! reference that nothing answers keeps the row that it points at; from a row that can go along itself, only while that
//! row stays.

use super::axes::along_key;
use super::comparison::Pair;
use super::reading::{Blame, column, find_table};
use super::{Context, fitness, unfit, unfitness};
use crate::base::name::{Name, TableName};
use crate::db::Dialect;
use crate::db::catalog::{Catalog, Column, ColumnKind, ForeignKey, KeyAction, Table};
use crate::diagnostic::mistake::Mistake;
use crate::diagnostic::place::Places;
use crate::plan::{Dependent, Goes, InnerLink, Link, Parent, Redaction, SelfEffect, SelfLink};
use crate::schedule::{self, Then};

#[cfg(test)]
mod tests;

/// The answer for one rule.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub dependents: Vec<Dependent>,
    pub blockers: Vec<Link>,
    pub inner: Vec<InnerLink>,
    pub self_links: Vec<SelfLink>,
}

/// What a rule, or an entry of the map of people, says of its family.
pub(super) struct Wanted<'a> {
    /// As messages name it.
    pub label: &'a str,
    pub places: &'a Places,
    pub cascade: &'a [schedule::Cascade],
}

/// # Errors
/// Every cascade entry that cannot be linked.
pub(super) fn family(context: &Context<'_>, wanted: &Wanted<'_>, root: &Table) -> Result<Family, Vec<Mistake>> {
    let mut builder = Builder { context, wanted, root, family: Family::default() };
    let mistakes: Vec<_> = wanted.cascade.iter().filter_map(|entry| builder.declare(entry).err()).collect();
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    builder.follow_references();
    builder.all_are_fit()?;
    builder.tells_rows_of_children_apart()?;
    builder.find_keepers();
    builder.family.sort();
    builder.break_circles();
    builder.one_key_a_tree()?;
    builder.nobody_refers_to_what_lets_go()?;
    builder.compares_as_its_keys_do()?;
    Ok(builder.family)
}

/// A roll-up deletes its rows and nothing else: whatever refers to them keeps them.
///
/// # Errors
/// References of which nobody can tell what hangs on them.
pub(super) fn keepers(context: &Context<'_>, blame: &Blame<'_>, root: &Table) -> Result<Family, Vec<Mistake>> {
    let mut family = Family::default();
    for (child, key) in context.catalog.referring(&root.name) {
        if child.name == root.name {
            family.self_links.push(self_link(key, SelfEffect::Block));
        } else {
            family.blockers.push(link(context.catalog, child, key, (Parent::Root, root)));
        }
    }
    let mut mistakes = fitness::suspended(blame, context.catalog, [root]);
    mistakes.extend(own_references_of_children(blame, root, &family));
    if mistakes.is_empty() { Ok(family) } else { Err(mistakes) }
}

/// A tree is walked by keys, which inheritance children may repeat, whose rows are in no tree.
fn own_references_of_children(blame: &Blame<'_>, root: &Table, family: &Family) -> Option<Mistake> {
    let own = family.self_links.first().filter(|_| root.has_children())?;
    let reason = format!(
        "`{}` refers to itself by `{}` and has inheritance children, which may repeat its keys and are in none of its trees",
        root.name,
        names(&own.columns)
    );
    Some(
        blame
            .mistake(reason)
            .remedy("name the children in rules of their own, and detach them from this table (NO INHERIT)"),
    )
}

/// A redaction changes what foreign keys may refer to. Whatever the database would do then, be it to refuse the change or to
/// change rows elsewhere that nobody counted and a hold may cover, what refers to a row keeps it as it is.
///
/// # Errors
/// A reference from the table to itself: it would keep each row by another of the same rule, or by itself.
pub(super) fn referrers(
    context: &Context<'_>,
    blame: &Blame<'_>,
    root: &Table,
    changed: &[Redaction],
) -> Result<Vec<Link>, Mistake> {
    let keys = keys_to(context.catalog, &root.name, |name| changed.iter().any(|redaction| redaction.column == *name));
    let (own, others): (Vec<_>, Vec<_>) = keys.partition(|(child, _)| context.catalog.share_rows(child, root));
    match own.first() {
        None => {
            let linked = |(child, key): (&Table, &ForeignKey)| link(context.catalog, child, key, (Parent::Root, root));
            match fitness::suspended(blame, context.catalog, [root]).into_iter().next() {
                Some(mistake) if !others.is_empty() => Err(mistake),
                _ => Ok(others.into_iter().map(linked).collect()),
            }
        }
        Some((child, key)) => {
            let (own, other) = (names(&key.columns), names(&key.parent_columns));
            let reason = format!(
                "`{}.{own}` refers to `{other}` of the same table (key `{}`), which is redacted",
                child.name, key.name
            );
            Err(blame.mistake(reason).remedy(format!("redact other columns, or let `{own}` refer to the primary key")))
        }
    }
}

/// Foreign keys that refer to some of these columns of a table.
fn keys_to<'a>(
    catalog: &'a Catalog,
    table: &'a TableName,
    is_among: impl Fn(&Name) -> bool,
) -> impl Iterator<Item = (&'a Table, &'a ForeignKey)> {
    catalog.referring(table).filter(move |(_, key)| key.parent_columns.iter().any(&is_among))
}

struct Builder<'a, 'c> {
    context: &'a Context<'c>,
    wanted: &'a Wanted<'a>,
    root: &'a Table,
    family: Family,
}

impl<'c> Builder<'_, 'c> {
    fn mistake(&self, entry: &schedule::Cascade, reason: String) -> Mistake {
        Mistake::error(format!("{}: {reason}", self.wanted.label))
            .at_span(&self.wanted.places.source, entry.span.clone())
    }

    fn declare(&mut self, entry: &schedule::Cascade) -> Result<(), Mistake> {
        let blame = Blame { label: self.wanted.label, places: self.wanted.places, key: "cascade" };
        let child = find_table(self.context, &blame, &entry.table)
            .and_then(|child| unfit(&blame, self.context.catalog, child).map_or(Ok(child), Err))
            .map_err(|mistake| mistake.at_span(&self.wanted.places.source, entry.span.clone()))?;
        let links = match &entry.column {
            Some(name) => vec![self.link_by_column(entry, child, name)?],
            None => self.links_by_foreign_keys(entry, child)?,
        };
        for link in links {
            self.add(entry, child, link)?;
        }
        Ok(())
    }

    fn add(&mut self, entry: &schedule::Cascade, child: &Table, link: Link) -> Result<(), Mistake> {
        if child.name == self.root.name && link.parent == Parent::Root {
            let effect = match entry.then {
                Then::Delete => SelfEffect::Cascade,
                Then::Null => SelfEffect::Null,
            };
            self.require_nullable(entry, child, &link)?;
            self.family.self_links.push(SelfLink {
                columns: link.columns,
                parent_columns: link.parent_columns,
                let_go: link.let_go,
                effect,
            });
            return Ok(());
        }
        if child.name == self.root.name && entry.then == Then::Delete {
            return Err(self
                .mistake(
                    entry,
                    format!("`{}` is the rule's own table and cannot go with its own dependents", child.name),
                )
                .remedy("let the reference go with `then = \"null\"`"));
        }
        self.require_nullable(entry, child, &link)?;
        self.attach(child, entry.then, link);
        Ok(())
    }

    fn require_nullable(&self, entry: &schedule::Cascade, child: &Table, link: &Link) -> Result<(), Mistake> {
        let fixed = link
            .let_go
            .iter()
            .find(|name| child.column(self.context.catalog.dialect, name).is_some_and(|column| !column.nullable));
        match fixed {
            Some(name) if entry.then == Then::Null => Err(self
                .mistake(entry, format!("`{}.{name}` is NOT NULL and cannot let go", child.name))
                .remedy("delete the rows with it (`then = \"delete\"`) or keep them")),
            _ => Ok(()),
        }
    }

    fn attach(&mut self, child: &Table, then: Then, link: Link) {
        let same = self.family.dependents.iter().position(|dependent| {
            dependent.table == child.name
                && dependent.then == then
                && (then == Then::Delete || dependent.links == [link.clone()])
        });
        match same {
            Some(index) if link.parent == Parent::Dependent(index) => self.family.dependents[index].tree.push(link),
            Some(index) => {
                if !self.family.dependents[index].links.contains(&link) {
                    self.family.dependents[index].links.push(link);
                }
            }
            None => self.family.dependents.push(Dependent {
                table: child.name.clone(),
                shown: self.context.catalog.as_written(&child.name),
                then,
                links: vec![link],
                stamped: child.stamped(),
                has_triggers: self.has_triggers(child, then),
                holds: Vec::new(),
                blockers: Vec::new(),
                tree: Vec::new(),
                inner: Vec::new(),
                goes: Goes::First,
                passages: Vec::new(),
            }),
        }
    }

    fn has_triggers(&self, child: &Table, then: Then) -> bool {
        let tables = self.context.catalog.leaves_of(child).into_iter().chain([child]);
        tables.flat_map(|table| &table.triggers).any(|trigger| match then {
            Then::Delete => trigger.on_delete,
            Then::Null => trigger.on_update,
        })
    }

    /// The rule's own table, or one named earlier whose rows go.
    fn parents(&self) -> Vec<(Parent, TableName)> {
        let earlier = self.family.dependents.iter().enumerate().filter(|(_, dependent)| dependent.then == Then::Delete);
        std::iter::once((Parent::Root, self.root.name.clone()))
            .chain(earlier.map(|(index, dependent)| (Parent::Dependent(index), dependent.table.clone())))
            .collect()
    }

    fn link_by_column(&self, entry: &schedule::Cascade, child: &'c Table, name: &Name) -> Result<Link, Mistake> {
        let blame = Blame { label: self.wanted.label, places: self.wanted.places, key: "cascade" };
        let at = |mistake: Mistake| mistake.at_span(&self.wanted.places.source, entry.span.clone());
        let column = column(self.context, &blame, child, name).map_err(at)?;
        let parents = self.parents();
        let wanted = match &entry.parent {
            Some(parent) => Some(find_table(self.context, &blame, parent).map_err(at)?.name.clone()),
            None => None,
        };
        let by_key = child.foreign_keys.iter().filter(|key| key.columns == [column.name.clone()]).find_map(|key| {
            let (parent, _) = parents.iter().find(|(_, table)| *table == key.parent)?;
            let table = self.context.catalog.find(&key.parent)?;
            wanted.as_ref().is_none_or(|wanted| *wanted == key.parent).then(|| self.link(child, key, (*parent, table)))
        });
        if let Some(link) = by_key {
            return self.no_period(entry, link);
        }
        let table = wanted.unwrap_or_else(|| self.root.name.clone());
        let Some((parent, _)) = parents.iter().find(|(_, known)| *known == table) else {
            return Err(self
                .mistake(entry, format!("`{table}` is neither the rule's table nor one that an earlier entry deletes"))
                .remedy(format!("name `{table}` before `{}`", child.name)));
        };
        let referred = self.context.catalog.find(&table);
        let key = referred.and_then(Table::referred_key);
        if let (Some(referred), Some([key])) = (referred, key) {
            self.may_be_compared(child, column, referred, key).map_err(at)?;
        }
        match key {
            Some([key]) => Ok(Link {
                only: false,
                only_in: Vec::new(),
                period: false,
                table: child.name.clone(),
                columns: vec![column.name.clone()],
                parent: *parent,
                parent_columns: vec![key.clone()],
                let_go: vec![column.name.clone()],
            }),
            _ => Err(self
                .mistake(entry, format!("`{table}` has no key of one column that `{}` could hold", column.name))
                .remedy("a foreign key of several columns is found by itself: leave `column` away")),
        }
    }

    fn links_by_foreign_keys(&self, entry: &schedule::Cascade, child: &'c Table) -> Result<Vec<Link>, Mistake> {
        let mut links = Vec::new();
        for (parent, table) in self.parents() {
            if entry
                .parent
                .as_ref()
                .is_some_and(|wanted| self.context.catalog.find(wanted).is_none_or(|wanted| wanted.name != table))
            {
                continue;
            }
            let keys: Vec<_> = child.foreign_keys.iter().filter(|key| key.parent == table).collect();
            match keys.as_slice() {
                [] => {}
                [key] => {
                    let Some(referred) = self.context.catalog.find(&table) else { continue };
                    links.push(self.no_period(entry, self.link(child, key, (parent, referred)))?);
                }
                several => {
                    let columns: Vec<_> = several.iter().map(|key| format!("`{}`", names(&key.columns))).collect();
                    return Err(self
                        .mistake(
                            entry,
                            format!(
                                "`{}` refers to `{table}` over several columns: {}",
                                child.name,
                                columns.join(", ")
                            ),
                        )
                        .remedy("add an entry for each: `{ table = …, column = … }`"));
                }
            }
        }
        if links.is_empty() {
            return Err(self
                .mistake(entry, format!("`{}` has no foreign key to `{}` or to an entry before it", child.name, self.root.name))
                .remedy(format!(
                    "say which column holds the key: `{{ table = \"{}\", column = \"…\" }}`, and `parent = \"…\"` where it \
                     is not the rule's table",
                    entry.table
                )));
        }
        Ok(links)
    }

    /// Adds what the database itself would do on delete, what it would then do to that, and the references among the
    /// tables of the schedule's own list, in whatever order it names them.
    fn follow_references(&mut self) {
        loop {
            let Some((child, then, link)) = self.next_unanswered() else { return };
            if child.name == self.root.name && link.parent == Parent::Root {
                let effect = if then == Then::Delete { SelfEffect::Cascade } else { SelfEffect::Null };
                self.family.self_links.push(SelfLink {
                    columns: link.columns,
                    parent_columns: link.parent_columns,
                    let_go: link.let_go,
                    effect,
                });
            } else {
                self.attach(child, then, link);
            }
        }
    }

    fn next_unanswered(&self) -> Option<(&'c Table, Then, Link)> {
        self.parents().into_iter().find_map(|(parent, table)| {
            let table = self.context.catalog.find(&table)?;
            self.context.catalog.referring(&table.name).find_map(|(child, key)| {
                let then = match key.on_delete {
                    KeyAction::Cascade => Then::Delete,
                    KeyAction::SetNull => Then::Null,
                    _ if self.goes_by_its_keys(child, &table.name) => Then::Delete,
                    KeyAction::NoAction | KeyAction::Restrict | KeyAction::SetDefault => return None,
                };
                let unanswered = !self.answers(child, key, parent) && !self.would_turn_back(child, then, parent);
                unanswered.then(|| (child, then, self.link(child, key, (parent, table))))
            })
        })
    }

    /// Does the schedule delete from `child` over its foreign keys, `parent` being another table than it?
    fn goes_by_its_keys(&self, child: &Table, parent: &TableName) -> bool {
        child.name != *parent
            && self.wanted.cascade.iter().any(|entry| {
                let named = || self.context.catalog.find(&entry.table).is_some_and(|table| table.name == child.name);
                entry.then == Then::Delete && entry.column.is_none() && entry.parent.is_none() && named()
            })
    }

    /// A cascade that leads back to where it came from takes nothing along: such a reference is an inner one.
    fn would_turn_back(&self, child: &Table, then: Then, parent: Parent) -> bool {
        if then == Then::Null {
            return false;
        }
        let Parent::Dependent(parent) = parent else { return false };
        let mut above = vec![parent];
        let mut at = 0;
        while let Some(index) = above.get(at) {
            for link in &self.family.dependents[*index].links {
                if let Parent::Dependent(higher) = link.parent
                    && !above.contains(&higher)
                {
                    above.push(higher);
                }
            }
            at += 1;
        }
        let is_child = |index: &usize| self.family.dependents[*index].table == child.name;
        child.name == self.root.name || above[1..].iter().any(is_child)
    }

    fn answers(&self, child: &Table, key: &ForeignKey, parent: Parent) -> bool {
        let same = |link: &Link| link.parent == parent && link.columns == key.columns;
        let own = child.name == self.root.name
            && parent == Parent::Root
            && self.family.self_links.iter().any(|link| link.columns == key.columns);
        own || self
            .family
            .dependents
            .iter()
            .filter(|dependent| dependent.table == child.name)
            .any(|dependent| dependent.links.iter().chain(&dependent.tree).any(same))
    }

    /// References that nothing answers: from rows that can go along themselves, and from all others.
    fn find_keepers(&mut self) {
        for (parent, name) in self.parents() {
            let Some(table) = self.context.catalog.find(&name) else { continue };
            for (child, key) in self.context.catalog.referring(&table.name) {
                if self.answers(child, key, parent) {
                    continue;
                }
                if parent == Parent::Root && child.name == self.root.name {
                    self.family.self_links.push(self_link(key, SelfEffect::Block));
                    continue;
                }
                let (link, goes_along) = (self.link(child, key, (parent, table)), self.goes_along(child));
                match (goes_along, parent) {
                    (Some(child), parent) => self.family.inner_mut(parent).push(InnerLink { child, link }),
                    (None, parent) => self.family.blockers_mut(parent).push(link),
                }
            }
        }
    }

    /// Can rows of the table go with the rule's rows, or by the rule itself?
    fn goes_along(&self, child: &Table) -> Option<Parent> {
        self.parents().into_iter().find(|(_, table)| *table == child.name).map(|(parent, _)| parent)
    }

    /// Children go before their parents. Where a row that goes later refers to one that goes before it, the foreign key
    /// must be one that is checked at COMMIT, or the earlier one is left to the ON DELETE CASCADE of its own key. Where
    /// neither is so, no order of statements deletes the two, and the reference keeps what it points at.
    fn break_circles(&mut self) {
        for index in 0..self.family.dependents.len() {
            let goes_later = |inner: &InnerLink| match inner.child {
                Parent::Root => true,
                Parent::Dependent(child) => child < index,
            };
            let is_deferred = |inner: &InnerLink| self.declared(&inner.link).is_some_and(|key| key.deferred);
            let dependent = &self.family.dependents[index];
            let (later, inner): (Vec<_>, Vec<_>) =
                dependent.inner.iter().cloned().partition(|inner| goes_later(inner) && !is_deferred(inner));
            if later.is_empty() {
                continue;
            }
            let cascades = |link: &Link| {
                self.declared(link).is_some_and(|key| key.on_delete == KeyAction::Cascade && !key.deferred)
            };
            // InnoDB checks row by row, and lets what goes so be referred to only by a key that cascades as well.
            let is_checked_at_once = self.context.catalog.dialect == Dialect::Mysql;
            let is_let = !is_checked_at_once || later.iter().all(|inner| cascades(&inner.link));
            if is_let && dependent.links.iter().all(cascades) {
                self.family.dependents[index].goes = Goes::WithParent;
            } else {
                let dependent = &mut self.family.dependents[index];
                dependent.inner = inner;
                dependent.blockers.extend(later.into_iter().map(|inner| inner.link));
            }
        }
    }

    /// The foreign key behind a link; `None` where the schedule alone tells it.
    fn declared(&self, link: &Link) -> Option<&'c ForeignKey> {
        let parent = self.family.table_of(link.parent, self.root);
        let keys = &self.context.catalog.find(&link.table)?.foreign_keys;
        keys.iter().find(|key| key.columns == link.columns && key.parent == *parent)
    }

    /// Walking a table's own tree needs one key to walk by.
    fn one_key_a_tree(&self) -> Result<(), Vec<Mistake>> {
        let mistake = |reason: String, remedy: &str| {
            let mistake = Mistake::error(format!("{}: {reason}", self.wanted.label));
            mistake.at(self.wanted.places, "cascade").remedy(remedy)
        };
        let cascades = self.family.self_links.iter().filter(|link| link.effect == SelfEffect::Cascade).count();
        let own = (cascades > 1).then(|| {
            let root = &self.root.name;
            let reason = format!("more than one reference from `{root}` to itself deletes what refers to it");
            mistake(reason, "let all but one go with `then = \"null\"`")
        });
        let has_two_keys = |dependent: &&Dependent| {
            dependent.tree.iter().any(|link| link.parent_columns != dependent.tree[0].parent_columns)
        };
        let along = self.family.dependents.iter().filter(has_two_keys).map(|dependent| {
            let table = &dependent.table;
            let reason = format!("references from `{table}` to itself take its rows along over two different keys");
            mistake(reason, "let all of them refer to the primary key, or let all but one go with `then = \"null\"`")
        });
        let in_parts = self.trees_in_parts().map(|(table, columns)| {
            let reason = format!(
                "`{table}` refers to itself by `{columns}`, but only to rows of some of its partitions, and others may bear their keys"
            );
            mistake(reason, "let the foreign key refer to the partitioned table, or purge each partition by a rule of its own")
        });
        let mistakes: Vec<_> = own.into_iter().chain(along).chain(in_parts).collect();
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    /// References from a table to itself that take rows along or set them to NULL, and mean the rows of some of its partitions.
    fn trees_in_parts(&self) -> impl Iterator<Item = (&TableName, String)> {
        let acts = self.family.self_links.iter().filter(|link| link.effect != SelfEffect::Block);
        let is_in_parts = |link: &&SelfLink| {
            let keys = self.root.foreign_keys.iter().filter(|key| key.columns == link.columns);
            let mut meant = keys.map(|key| self.context.catalog.meant_by(key, self.root));
            meant.any(|parts| !parts.is_empty())
        };
        let own = acts.filter(is_in_parts).map(|link| (&self.root.name, names(&link.columns)));
        let along = self.family.dependents.iter().flat_map(|dependent| &dependent.tree);
        let along = along.filter(|link| !link.only_in.is_empty()).map(|link| (&link.table, names(&link.columns)));
        own.chain(along)
    }
}

impl Builder<'_, '_> {
    /// What the database takes along or lets go of by itself is to be as fit as what the schedule names.
    fn all_are_fit(&self) -> Result<(), Vec<Mistake>> {
        let mistake = |dependent: &Dependent| {
            let (reason, remedy) = unfitness(self.context.catalog, self.context.catalog.find(&dependent.table)?)?;
            let what = match dependent.then {
                Then::Delete => "of which rows go along by a foreign key,",
                Then::Null => "of which rows let go by a foreign key,",
            };
            let reason = format!("{}: `{}`, {what} {reason}", self.wanted.label, dependent.table);
            Some(Mistake::error(reason).at(self.wanted.places, "table").remedy(remedy))
        };
        let mistakes: Vec<_> = self.family.dependents.iter().filter_map(mistake).collect();
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    /// No foreign key of a table is one of its inheritance children, and rows of theirs may bear the keys of its own: what the
    /// database itself would do is told by the physical table, and what it would not do is done to nobody.
    fn tells_rows_of_children_apart(&self) -> Result<(), Vec<Mistake>> {
        let blame = Blame { label: self.wanted.label, places: self.wanted.places, key: "table" };
        let catalog = self.context.catalog;
        let going = self.family.dependents.iter().filter_map(|dependent| catalog.find(&dependent.table));
        let mut mistakes: Vec<_> = going
            .clone()
            .filter(|table| table.has_children())
            .map(|table| {
                let reason = format!(
                    "`{}`, of which rows go or let go with these, has inheritance children, and none of its foreign keys is theirs",
                    table.name
                );
                blame.mistake(reason).remedy("purge its children by rules of their own, and detach them (NO INHERIT)")
            })
            .collect();
        mistakes.extend(own_references_of_children(&blame, self.root, &self.family));
        mistakes.extend(fitness::suspended(&blame, catalog, going.chain([self.root])));
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    fn link(&self, child: &Table, key: &ForeignKey, parent: (Parent, &Table)) -> Link {
        link(self.context.catalog, child, key, parent)
    }

    /// A reference by a period leads to several rows, and none of them is its parent alone.
    fn no_period(&self, entry: &schedule::Cascade, link: Link) -> Result<Link, Mistake> {
        match link.period {
            false => Ok(link),
            true => Err(self
                .mistake(entry, format!("`{}` refers by a PERIOD, over which nothing can go along", link.table))
                .remedy("let a rule of its own take its rows first")),
        }
    }

    /// A reference that no foreign key declares.
    fn may_be_compared(&self, child: &Table, own: &Column, referred: &Table, key: &Name) -> Result<(), Mistake> {
        let blame = Blame { label: self.wanted.label, places: self.wanted.places, key: "cascade" };
        let dialect = self.context.catalog.dialect;
        if referred.has_children() {
            let reason = format!(
                "`{}` has inheritance children, which may repeat its keys, and no foreign key says which of their rows `{}.{}` means",
                referred.name, child.name, own.name
            );
            return Err(blame.mistake(reason).remedy("declare the foreign key"));
        }
        let Some(key) = referred.column(dialect, key) else { return Ok(()) };
        Pair { own: (child, own), key: (referred, key), enforced: false }.require_alike(dialect, &blame)
    }

    /// A reference that becomes NULL may be referred to itself, and the database would change that as well, or refuse.
    fn nobody_refers_to_what_lets_go(&self) -> Result<(), Vec<Mistake>> {
        let of_dependents = self.family.dependents.iter().filter(|dependent| dependent.then == Then::Null);
        let of_dependents = of_dependents.flat_map(|one| one.links.iter().map(|link| (&one.table, &link.let_go)));
        let own = self.family.self_links.iter().filter(|link| link.effect == SelfEffect::Null);
        let own = own.map(|link| (&self.root.name, &link.let_go));
        let found = of_dependents.chain(own).find_map(|(table, let_go)| {
            let (child, key) = keys_to(self.context.catalog, table, |name| let_go.contains(name)).next()?;
            let reason = format!(
                "`{table}.{}` is to become NULL, and `{}.{}` refers to it (key `{}`)",
                names(let_go),
                child.name,
                names(&key.columns),
                key.name
            );
            let mistake = Mistake::error(format!("{}: {reason}", self.wanted.label)).at(self.wanted.places, "cascade");
            Some(mistake.remedy(format!("delete the rows of `{table}` along (`then = \"delete\"`), or keep them")))
        });
        found.map_or(Ok(()), |mistake| Err(vec![mistake]))
    }

    /// SQLite lets a reference hold by the collation of the key that it refers to, and looks for its rows by the collation
    /// of the column that refers: under two of them it finds too few rows, or those of another parent. Of a number that refers to
    /// a text it makes a text; the statements here would make a number of the text, and `05` be 5. MySQL and MariaDB make a
    /// number of the text too, where no foreign key sees to the types, and `12-draft` is 12.
    fn compares_as_its_keys_do(&self) -> Result<(), Vec<Mistake>> {
        let dialect = self.context.catalog.dialect;
        if dialect == Dialect::Postgres {
            return Ok(());
        }
        let parent_of = |link: &Link| match link.parent {
            Parent::Root => self.root.name.clone(),
            Parent::Dependent(index) => self.family.dependents[index].table.clone(),
        };
        let of_dependents = self.family.dependents.iter().flat_map(|dependent| {
            let links = dependent.links.iter().chain(&dependent.tree);
            links.map(|link| (&link.table, &link.columns, parent_of(link), &link.parent_columns))
        });
        let own = self.family.self_links.iter();
        let own = own.map(|link| (&self.root.name, &link.columns, self.root.name.clone(), &link.parent_columns));
        let mistakes: Vec<_> = of_dependents
            .chain(own)
            .filter_map(|(child, columns, parent, parent_columns)| {
                let pairs = columns.iter().zip(parent_columns);
                pairs.into_iter().find_map(|(column, key)| {
                    let (own, referred) = (self.column(child, column)?, self.column(&parent, key)?);
                    let (what, remedy) = unlike(dialect, own, referred)?;
                    let reason =
                        format!("`{child}.{column}` and `{parent}.{key}`, which it refers to, have two {what}");
                    let reason = format!("{}: {reason}", self.wanted.label);
                    Some(Mistake::error(reason).at(self.wanted.places, "table").remedy(remedy))
                })
            })
            .collect();
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    fn column(&self, table: &TableName, column: &Name) -> Option<&Column> {
        self.context.catalog.find(table)?.column(Dialect::Sqlite, column)
    }
}

/// A batch of a rule goes by the keys of its rows. PostgreSQL has its ctid, and SQLite its rowid.
///
/// # Errors
/// On MariaDB and MySQL, rows that others go with and that nothing tells apart.
pub(super) fn rows_are_told_apart(
    catalog: &Catalog,
    wanted: &Wanted<'_>,
    root: &Table,
    family: &Family,
) -> Result<(), Vec<Mistake>> {
    let along = family.self_links.iter().any(|link| link.effect != SelfEffect::Block);
    let takes_along = along || !family.dependents.is_empty();
    if catalog.dialect != Dialect::Mysql || !takes_along || along_key(catalog, root).is_some() {
        return Ok(());
    }
    let reason = format!(
        "{}: `{}` has no primary key and no unique key of columns that are NOT NULL and of a plain type, so that rows cannot go \
         with others one for one",
        wanted.label, root.name
    );
    Err(vec![Mistake::error(reason).at(wanted.places, "table").remedy("give it a primary key")])
}

/// In what a column differs from one that it refers to, so that the two are compared in two ways; and what helps.
fn unlike(dialect: Dialect, own: &Column, referred: &Column) -> Option<(&'static str, &'static str)> {
    let is_number = |column: &Column| !matches!(column.kind, ColumnKind::Text | ColumnKind::Binary | ColumnKind::Other);
    if dialect == Dialect::Mysql {
        let are_unlike = |text: &Column, other: &Column| {
            text.kind == ColumnKind::Text && is_number(other) && other.kind != ColumnKind::Uuid
        };
        let are_unlike = are_unlike(own, referred) || are_unlike(referred, own);
        return are_unlike.then_some(("types", "declare both columns with the same type"));
    }
    let is_number = is_number(own);
    if own.collation != referred.collation {
        Some(("collations", "declare both columns with the same COLLATE"))
    } else if is_number && referred.kind == ColumnKind::Text {
        Some(("types", "declare both columns with the same type"))
    } else {
        None
    }
}

impl Family {
    fn table_of<'a>(&'a self, parent: Parent, root: &'a Table) -> &'a TableName {
        match parent {
            Parent::Root => &root.name,
            Parent::Dependent(index) => &self.dependents[index].table,
        }
    }

    fn inner_mut(&mut self, parent: Parent) -> &mut Vec<InnerLink> {
        match parent {
            Parent::Root => &mut self.inner,
            Parent::Dependent(index) => &mut self.dependents[index].inner,
        }
    }

    fn blockers_mut(&mut self, parent: Parent) -> &mut Vec<Link> {
        match parent {
            Parent::Root => &mut self.blockers,
            Parent::Dependent(index) => &mut self.dependents[index].blockers,
        }
    }

    /// Parents before their children: each dependent after all that its rows refer to, as far as there is such an order.
    fn sort(&mut self) {
        let order = parents_first(&self.dependents);
        let place = |parent: Parent| match parent {
            Parent::Root => Parent::Root,
            Parent::Dependent(old) => {
                Parent::Dependent(order.iter().position(|index| *index == old).unwrap_or_default())
            }
        };
        let mut sorted: Vec<Dependent> = order.iter().map(|index| self.dependents[*index].clone()).collect();
        let inner = sorted.iter_mut().flat_map(|dependent| &mut dependent.inner).chain(&mut self.inner);
        for inner in inner {
            inner.child = place(inner.child);
            inner.link.parent = place(inner.link.parent);
        }
        for dependent in &mut sorted {
            let links = dependent.links.iter_mut().chain(&mut dependent.blockers).chain(&mut dependent.tree);
            links.for_each(|link| link.parent = place(link.parent));
        }
        self.dependents = sorted;
    }
}

/// The places of the dependents in an order in which each comes after all that its rows refer to. Where inner references
/// make a circle, the links over which rows go along decide; where those do, the first of the circle comes first.
fn parents_first(dependents: &[Dependent]) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::with_capacity(dependents.len());
    while order.len() < dependents.len() {
        let is_placed = |parent: Parent, own: usize| match parent {
            Parent::Root => true,
            Parent::Dependent(parent) => parent == own || order.contains(&parent),
        };
        let hangs_on_placed =
            |index: &usize| dependents[*index].links.iter().all(|link| is_placed(link.parent, *index));
        let refers_to_placed = |index: &usize| {
            let refers = |inner: &&InnerLink| inner.child == Parent::Dependent(*index);
            let mut inner = dependents.iter().flat_map(|dependent| &dependent.inner).filter(refers);
            inner.all(|inner| is_placed(inner.link.parent, *index))
        };
        let waiting: Vec<usize> = (0..dependents.len()).filter(|index| !order.contains(index)).collect();
        let free = waiting.iter().find(|index| hangs_on_placed(index) && refers_to_placed(index));
        let next = free.or_else(|| waiting.iter().find(|index| hangs_on_placed(index))).or(waiting.first());
        order.extend(next.copied());
    }
    order
}

fn link(catalog: &Catalog, child: &Table, key: &ForeignKey, (parent, table): (Parent, &Table)) -> Link {
    Link {
        table: child.name.clone(),
        columns: key.columns.clone(),
        only: child.has_children(),
        only_in: catalog.meant_by(key, table),
        period: key.period,
        parent,
        parent_columns: key.parent_columns.clone(),
        let_go: key.let_go.clone(),
    }
}

fn self_link(key: &ForeignKey, effect: SelfEffect) -> SelfLink {
    SelfLink {
        columns: key.columns.clone(),
        parent_columns: key.parent_columns.clone(),
        let_go: key.let_go.clone(),
        effect,
    }
}

fn names(columns: &[Name]) -> String {
    columns.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}
