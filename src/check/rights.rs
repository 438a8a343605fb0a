//! May the role do what the schedule needs, and does it see every row?

use std::collections::{BTreeMap, BTreeSet};

use crate::base::name::TableName;
use crate::db::Dialect;
use crate::db::catalog::Rights;
use crate::db::maintain::advice;
use crate::diagnostic::mistake::Mistake;
use crate::plan::{Act, RulePlan};

use super::{About, Asker, list};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Right {
    Select,
    Insert,
    Update,
    Delete,
}

impl Right {
    /// The word of GRANT.
    fn as_str(self) -> &'static str {
        match self {
            Right::Select => "SELECT",
            Right::Insert => "INSERT",
            Right::Update => "UPDATE",
            Right::Delete => "DELETE",
        }
    }

    fn is_held(self, rights: &Rights) -> bool {
        match self {
            Right::Select => rights.select,
            Right::Insert => rights.insert,
            Right::Update => rights.update,
            Right::Delete => rights.delete,
        }
    }
}

/// Every table that the rule's statements name, with the rights that they take.
pub(super) type Needs = BTreeMap<TableName, BTreeSet<Right>>;

/// What a plan reads and, with `writes`, what a run changes. The database's own cascades need no right of the role's.
pub(super) fn needs(plan: &RulePlan, writes: bool) -> Needs {
    let mut needs = Needs::new();
    let mut need = |table: &TableName, right: Right| {
        needs.entry(table.clone()).or_default().insert(right);
    };
    for table in plan.tables_read() {
        need(table, Right::Select);
    }
    if writes {
        plan.tables_deleted_from().into_iter().for_each(|table| need(table, Right::Delete));
        plan.tables_updated().into_iter().for_each(|table| need(table, Right::Update));
        if let Act::Aggregate(rollup) = &plan.act {
            need(&rollup.into, Right::Insert);
        }
    }
    needs
}

/// What the role lacks, with the statements that give it.
pub(super) fn missing(about: About<'_>, needs: &Needs, asker: &Asker) -> Vec<Mistake> {
    let lacks: Vec<Lack<'_>> = needs.iter().filter_map(|(table, rights)| Lack::find(about, table, rights)).collect();
    if lacks.is_empty() {
        return Vec::new();
    }
    let role = asker.role.as_deref().unwrap_or("the role");
    let each: Vec<_> =
        lacks.iter().map(|lack| format!("{} on `{}`", lack.words().join(", "), about.spelled(lack.table))).collect();
    let grants: Vec<_> = lacks.iter().flat_map(|lack| lack.grants(about.dialect(), role)).collect();
    let mistake = about
        .error("table", format!("the role {role} lacks {}", each.join("; ")))
        .remedy(format!("let an owner run:\n{}", grants.join("\n")));
    vec![mistake]
}

struct Lack<'a> {
    table: &'a TableName,
    rights: Vec<Right>,
    /// Perhaps for want of USAGE on the schema.
    has_none: bool,
}

impl<'a> Lack<'a> {
    fn find(about: About<'_>, table: &'a TableName, rights: &BTreeSet<Right>) -> Option<Self> {
        let held = about.table(table)?.rights;
        let lacking: Vec<Right> = rights.iter().copied().filter(|right| !right.is_held(&held)).collect();
        let has_none = !(held.select || held.insert || held.update || held.delete);
        (!lacking.is_empty()).then_some(Self { table, rights: lacking, has_none })
    }

    fn words(&self) -> Vec<&'static str> {
        self.rights.iter().map(|right| right.as_str()).collect()
    }

    fn grants(&self, dialect: Dialect, role: &str) -> Vec<String> {
        let schema = self.table.schema.as_ref().filter(|_| self.has_none && dialect == Dialect::Postgres);
        let usage = schema.map(|schema| advice::grant_usage(schema, role));
        usage.into_iter().chain([advice::grant(dialect, &self.words(), self.table, role)]).collect()
    }
}

/// Tables beside the rule's own that hide rows: a row that refers to one that is due, or a hold, would be overlooked.
pub(super) fn hidden_rows(about: About<'_>, needs: &Needs) -> Option<Mistake> {
    let veiled = |name: &&TableName| about.table(name).is_some_and(|table| table.row_security);
    let names: Vec<_> = needs.keys().filter(veiled).map(|name| about.spelled(name)).collect();
    (!names.is_empty()).then(|| {
        about
            .error("table", format!("row-level security hides rows of {} from this role", list(names)))
            .remedy("give the role BYPASSRLS, or a policy that lets it see every row and no FORCE")
    })
}

/// A table that the role does not see can have a foreign key to the rows that go, and lose its own with them: nobody would
/// have counted them, and no hold on them been asked.
pub(super) fn hidden_tables(about: About<'_>, asker: &Asker) -> Vec<Mistake> {
    hidden_in_database(about, asker).into_iter().chain(hidden_elsewhere(about, asker)).collect()
}

fn hidden_elsewhere(about: About<'_>, asker: &Asker) -> Option<Mistake> {
    let removes = about.plan.act.removes();
    if about.catalog.sees_every_reference || !(removes || changes_what_may_be_referred_to(about)) {
        return None;
    }
    let role = asker.role.as_deref().unwrap_or("the role");
    let lost = if removes { "delete" } else { "change" };
    let reason = format!(
        "the role {role} may not ask which foreign keys of other databases lead here, and one of them could {lost} rows that were \
         neither counted nor asked for their holds"
    );
    Some(
        about.error("table", reason).remedy(format!("let an owner run:\n{}", advice::grant_on_server("PROCESS", role))),
    )
}

/// A redaction of a column that some index holds: InnoDB lets foreign keys refer to it.
fn changes_what_may_be_referred_to(about: About<'_>) -> bool {
    let redactions = about.plan.targets.iter().flat_map(|target| {
        let table = about.table(&target.table);
        target.redactions.iter().filter_map(move |redaction| Some((table?, &redaction.column)))
    });
    redactions.into_iter().any(|(table, column)| table.indexes.iter().any(|index| index.columns.contains(column)))
}

fn hidden_in_database(about: About<'_>, asker: &Asker) -> Option<Mistake> {
    if about.catalog.sees_every_table || !about.plan.act.removes() {
        return None;
    }
    let database = about.catalog.search_path.first()?;
    let role = asker.role.as_deref().unwrap_or("the role");
    let reason = format!(
        "the role {role} does not see every table of `{database}`, and foreign keys of one that it does not see could delete \
         rows that were neither counted nor asked for their holds"
    );
    let grant = advice::grant_everywhere(database, "SELECT", role);
    Some(about.error("table", reason).remedy(format!("let an owner run:\n{grant}")))
}
