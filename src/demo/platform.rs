//! The sample platform as a formula: how many rows there are, who the people are and when things happened.
//!
//! Accounts are numbered in the order in which they were made, so that whoever existed at some instant is a range of ids.
//! The traits of an account follow from its id (every twelfth recent one is a minor, and so on), which lets any row know
//! the person that it belongs to without reading them.

use jiff::Timestamp;

use crate::demo::Size;
use crate::demo::draw::Draw;
use crate::demo::edge::{Edge, Edges, Whose};
use crate::demo::instant::{DAY, Micros, YEAR};

/// When the first account was made, before `as_of`; a little before the oldest payment that taxes still ask for.
const FOUNDED: Micros = 12 * YEAR;

/// Accounts in a cycle of traits; the first of each cycle is an ordinary adult.
const CYCLE: u64 = 12;

/// Lessons in a course; a learner works through one course.
pub(super) const LESSONS: u64 = 24;
/// Every third lesson ends with a quiz.
pub(super) const QUIZZES: u64 = LESSONS / 3;
pub(super) const ANSWERS: u64 = 6;
pub(super) const MESSAGES: u64 = 3;
/// Requests for deletion; each run carries out every one that is open and verified, so there are few.
pub(super) const REQUESTS: u64 = 4;

/// Rows a table.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    pub organisation: u64,
    pub account: u64,
    pub communication_preference: u64,
    pub consent: u64,
    pub api_token: u64,
    pub login: u64,
    pub course: u64,
    pub lesson: u64,
    pub quiz: u64,
    pub course_setting: u64,
    pub enrolment: u64,
    pub lesson_progress: u64,
    pub quiz_attempt: u64,
    pub quiz_answer: u64,
    pub placement_result: u64,
    pub generated_lesson: u64,
    pub course_completion: u64,
    pub certificate: u64,
    pub payment: u64,
    pub support_ticket: u64,
    pub support_message: u64,
    pub mail_log: u64,
    pub deletion_request: u64,
    pub access_log: u64,
    pub error_log: u64,
    /// Whatever is left, about a third.
    pub page_view: u64,
}

impl Counts {
    /// Adds up to `rows` exactly.
    fn new(rows: u64, completion_edges: u64) -> Self {
        let permille = |share: u64| rows * share / 1_000;
        let account = permille(25);
        let course = (rows / 5_000).clamp(8, 400);
        let quiz_attempt = permille(20);
        let course_completion = permille(10);
        let support_ticket = permille(6);
        let mut counts = Self {
            organisation: (account / 100).clamp(3, 500),
            account,
            communication_preference: account,
            consent: account,
            api_token: permille(4),
            login: permille(40),
            course,
            lesson: course * LESSONS,
            quiz: course * QUIZZES,
            course_setting: account / 2,
            enrolment: permille(25),
            lesson_progress: permille(120) / LESSONS * LESSONS,
            quiz_attempt,
            quiz_answer: quiz_attempt * ANSWERS,
            placement_result: permille(8),
            generated_lesson: permille(12),
            course_completion,
            certificate: course_completion + renewals(course_completion, completion_edges),
            payment: permille(12),
            support_ticket,
            support_message: support_ticket * MESSAGES,
            mail_log: permille(15),
            deletion_request: REQUESTS,
            access_log: permille(150),
            error_log: permille(25),
            page_view: 0,
        };
        let others: u64 = crate::demo::table::TABLES.iter().map(|table| (table.rows)(&counts)).sum();
        counts.page_view = rows - others;
        counts
    }
}

/// Every other one of the older half of the completions, those on an edge apart, had its certificate renewed.
fn renewals(completions: u64, edges: u64) -> u64 {
    completions.saturating_sub(edges) / 4
}

/// How a table's rows are spread over time: a share of them lately, the others thinning out towards the past.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    pub horizon: Micros,
    pub recent: Micros,
    /// Of all rows, 0 to 1, no older than `recent`.
    pub share: f64,
}

impl Spread {
    /// Nine years of history.
    pub const fn recent(days: i64, share: f64) -> Self {
        Self { horizon: 9 * YEAR, recent: days * DAY, share }
    }

    pub const fn over(self, horizon: Micros) -> Self {
        Self { horizon, ..self }
    }

    /// The age at `position`, from 0.0 for the oldest row to 1.0 for the newest.
    fn age(self, position: f64) -> Micros {
        let old = 1.0 - self.share;
        let (younger, span, of_span) = if position < old {
            (self.recent, self.horizon - self.recent, 1.0 - (position / old).sqrt())
        } else {
            (0, self.recent, (1.0 - position) / self.share)
        };
        younger + (span as f64 * of_span) as Micros
    }
}

/// Something that somebody did.
pub(super) struct Event {
    pub at: Micros,
    pub account: u64,
    /// This row must be decided by its age alone.
    pub edge: bool,
    pub draw: Draw,
}

pub(super) struct Platform {
    pub as_of: Micros,
    pub counts: Counts,
    pub edges: Edges,
    seed: u64,
}

impl Platform {
    pub fn new(size: &Size, as_of: Timestamp) -> Self {
        let edges = Edges::new(as_of);
        let counts = Counts::new(size.rows, edges.of("course_completion").len() as u64);
        Self { as_of: as_of.as_microsecond(), counts, edges, seed: size.seed }
    }

    pub fn draw(&self, table: &str, row: u64) -> Draw {
        Draw::new(self.seed, table, row)
    }

    /// What row `row` of `rows` in `table` tells of: an edge if it is one of the first, else a place in the spread. Ids
    /// grow with time, as they do in an application.
    pub fn event(&self, table: &str, row: u64, rows: u64, spread: Spread) -> Event {
        let mut draw = self.draw(table, row);
        let edges = self.edges.of(table);
        match edges.get(row as usize) {
            Some(&Edge { at, whose }) => Event { at, account: self.person_at(whose, at), edge: true, draw },
            None => {
                let edges = edges.len() as u64;
                let position = ((row - edges) as f64 + draw.unit()) / (rows - edges) as f64;
                let at = self.as_of - spread.age(position);
                Event { at, account: self.account_at(at, &mut draw), edge: false, draw }
            }
        }
    }

    /// Somebody who had an open account then.
    fn account_at(&self, at: Micros, draw: &mut Draw) -> u64 {
        let account = 1 + draw.below(self.accounts_at(at));
        // Whoever closes an account is followed by somebody who does not.
        if self.closed_at(account).is_some_and(|closed| closed < at) { account - 1 } else { account }
    }

    /// Every fifth attempt that was handed in is looked at by another learner; none that its age alone decides over.
    pub fn reviewer(&self, finished: Option<Micros>, event: &mut Event) -> Option<u64> {
        let finished = finished.filter(|_| !event.edge && event.draw.chance(20))?;
        Some(self.account_at(finished, &mut event.draw)).filter(|reviewer| *reviewer != event.account)
    }

    /// The youngest account of that kind.
    fn person_at(&self, whose: Whose, at: Micros) -> u64 {
        let newest = self.accounts_at(at);
        match whose {
            Whose::Adult => newest - (newest - 1) % CYCLE,
            Whose::Minor => newest - (newest + CYCLE - 5) % CYCLE,
        }
    }

    /// How many accounts there were then; at least one.
    fn accounts_at(&self, at: Micros) -> u64 {
        let founded = self.as_of - FOUNDED;
        let share = (at - founded) as f64 / FOUNDED as f64;
        ((self.counts.account as f64 * share) as u64).clamp(1, self.counts.account)
    }

    pub fn created_at(&self, account: u64) -> Micros {
        let position = (account as f64 - 1.0) / self.counts.account as f64;
        self.as_of - FOUNDED + (FOUNDED as f64 * position) as Micros
    }

    /// The row of `course_completion` whose certificate was renewed by the renewal with that number, from 0.
    pub fn renewed_completion(&self, renewal: u64) -> u64 {
        self.edges.of("course_completion").len() as u64 + 2 * renewal
    }

    /// Whether that row of `course_completion` is one of those.
    pub fn is_renewed(&self, completion: u64) -> bool {
        let edges = self.edges.of("course_completion").len() as u64;
        let renewals = renewals(self.counts.course_completion, edges);
        completion.checked_sub(edges).is_some_and(|place| place % 2 == 0 && place / 2 < renewals)
    }

    /// Somebody who asks to be deleted: an adult who has done nothing else that another rule would act upon.
    pub fn asks_for_deletion(&self, place: u64) -> u64 {
        48 * (place + 1)
    }

    /// The place of an account among those that are ordinary adults, from 0; `None` for anybody else.
    pub fn ordinary(&self, account: u64) -> Option<u64> {
        (account % CYCLE == 1).then_some(account / CYCLE)
    }

    /// Minors, all of whom joined lately; the account before theirs is the guardian's.
    pub fn is_minor(&self, account: u64) -> bool {
        account % CYCLE == 5 && account > self.counts.account * 3 / 5
    }

    /// Every other one lately: some of them can still come back, and most of what was theirs is still there.
    pub fn closed_at(&self, account: u64) -> Option<Micros> {
        (account % 16 == 3).then(|| match account % 32 == 3 {
            true => self.within(account, "closed", 45 * DAY),
            false => self.later(account, "closed"),
        })
    }

    pub fn restricted_at(&self, account: u64) -> Option<Micros> {
        (account % 96 == 9).then(|| self.lately(account, "restricted"))
    }

    /// The first of those who withdrew their consent did so on the edges.
    pub fn analytics_withdrawn_at(&self, account: u64) -> Option<Micros> {
        (account % 24 == 7).then(|| {
            let edge = self.edges.of("account").get(account as usize / 24);
            edge.map_or_else(|| self.lately(account, "withdrawn"), |edge| edge.at)
        })
    }

    pub fn marketing_withdrawn_at(&self, account: u64) -> Option<Micros> {
        (account % 8 == 6).then(|| self.later(account, "marketing"))
    }

    /// Who withdrew the consent to analytics, in the order of the edges.
    pub fn withdrawn(&self, place: u64) -> u64 {
        place * 24 + 7
    }

    /// Some accounts never consented.
    pub fn consents_to_analytics(&self, account: u64) -> bool {
        account % CYCLE != 10
    }

    /// Some instant between the making of the account and now.
    fn later(&self, account: u64, what: &str) -> Micros {
        self.draw(what, account).between(self.created_at(account), self.as_of - DAY)
    }

    /// As [`later`](Self::later), within a year.
    fn lately(&self, account: u64, what: &str) -> Micros {
        self.within(account, what, YEAR)
    }

    fn within(&self, account: u64, what: &str, age: Micros) -> Micros {
        self.draw(what, account).between(self.created_at(account).max(self.as_of - age), self.as_of - DAY)
    }
}
