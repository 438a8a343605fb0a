//! Courses and what people do in them.

use ColumnKind::{Boolean, Date, Integer, Text, Timestamp, TimestampTz};

use crate::demo::draw::Draw;
use crate::demo::edge::Edge;
use crate::demo::instant::{DAY, HOUR, MINUTE, Micros, YEAR};
use crate::demo::platform::{ANSWERS, Event, LESSONS, Platform, QUIZZES, Spread};

use crate::demo::table::people::organisation_of;
use crate::demo::table::{ColumnKind, Table, Value, date, id, maybe, text, time};

const SUBJECTS: [&str; 8] =
    ["Algebra", "Botany", "Chemistry", "Databases", "Economics", "French", "Geometry", "History"];
/// Learners are every fourth account, so that they are spread over all ages of accounts.
const LEARNER_STEP: u64 = 4;

pub(super) const COURSE: Table = Table {
    name: "course",
    columns: &[
        ("id", Integer),
        ("organisation_id", Integer),
        ("slug", Text),
        ("title", Text),
        ("published_at", TimestampTz),
    ],
    rows: |counts| counts.course,
    row: |platform, row| {
        let subject = SUBJECTS[row as usize % SUBJECTS.len()];
        vec![
            id(row + 1),
            maybe(organisation_of(platform, row + 1), id),
            text(format!("{}-{}", subject.to_lowercase(), row + 1)),
            text(format!("{subject} {}", row / SUBJECTS.len() as u64 + 1)),
            time(platform.created_at(1)),
        ]
    },
};

pub(super) const LESSON: Table = Table {
    name: "lesson",
    columns: &[("id", Integer), ("course_id", Integer), ("position", Integer), ("title", Text)],
    rows: |counts| counts.lesson,
    row: |_, row| {
        let position = row % LESSONS + 1;
        vec![id(row + 1), id(row / LESSONS + 1), id(position), text(format!("Lesson {position}"))]
    },
};

pub(super) const QUIZ: Table = Table {
    name: "quiz",
    columns: &[("id", Integer), ("lesson_id", Integer), ("title", Text), ("pass_mark", Integer)],
    rows: |counts| counts.quiz,
    row: |_, row| {
        let lesson = (row + 1) * (LESSONS / QUIZZES);
        vec![id(row + 1), id(lesson), text(format!("What did you learn? ({})", row % QUIZZES + 1)), Value::Int(60)]
    },
};

pub(super) const COURSE_SETTING: Table = Table {
    name: "course_setting",
    columns: &[
        ("account_id", Integer),
        ("course_id", Integer),
        ("pace", Text),
        ("reminders", Boolean),
        ("updated_at", Timestamp),
    ],
    rows: |counts| counts.course_setting,
    row: |platform, row| {
        let account = row * 2 + 1;
        let mut draw = platform.draw("course_setting", row);
        let edge = platform.ordinary(account).and_then(|place| platform.edges.of("course_setting").get(place as usize));
        let created = platform.created_at(account).max(platform.as_of - 9 * YEAR);
        let updated = edge.map_or_else(|| draw.later_of(created, platform.as_of), |edge| edge.at);
        vec![
            id(account),
            id(1 + draw.below(platform.counts.course)),
            text(draw.pick(&["gentle", "steady", "brisk"])),
            Value::Bool(draw.chance(70)),
            time(updated),
        ]
    },
};

pub(super) const ENROLMENT: Table = Table {
    name: "enrolment",
    columns: &[
        ("id", Integer),
        ("account_id", Integer),
        ("course_id", Integer),
        ("enrolled_at", TimestampTz),
        ("last_active_at", TimestampTz),
        ("left_at", TimestampTz),
    ],
    rows: |counts| counts.enrolment,
    row: |platform, row| {
        let mut event = platform.event("enrolment", row, platform.counts.enrolment, Spread::recent(365, 0.5));
        let enrolled = platform.created_at(event.account).max(event.at - 90 * DAY).min(event.at);
        let left = (!event.edge && event.draw.chance(15)).then_some(event.at);
        vec![
            id(row + 1),
            id(event.account),
            id(1 + event.draw.below(platform.counts.course)),
            time(enrolled),
            time(event.at),
            maybe(left, time),
        ]
    },
};

pub(super) const LESSON_PROGRESS: Table = Table {
    name: "lesson_progress",
    columns: &[
        ("account_id", Integer),
        ("lesson_id", Integer),
        ("started_at", TimestampTz),
        ("completed_at", TimestampTz),
    ],
    rows: |counts| counts.lesson_progress,
    row: lesson_progress,
};

/// One learner after the other, each through one course from its first lesson to its last. The very first learner has
/// finished a lesson on each edge.
fn lesson_progress(platform: &Platform, row: u64) -> Vec<Value> {
    let (learner, step) = (row / LESSONS, row % LESSONS);
    let account = learner * LEARNER_STEP + 1;
    let mut of_learner = platform.draw("learner", learner);
    let course = of_learner.below(platform.counts.course);
    let (started, completed) = match platform.edges.of("lesson_progress").get(row as usize) {
        Some(Edge { at, .. }) => (at - HOUR, Some(*at)),
        None => lesson_times(platform, account, step, &mut of_learner),
    };
    vec![id(account), id(course * LESSONS + step + 1), time(started), maybe(completed, time)]
}

/// A lesson every other day, from a day that is the learner's; one learner in six gives up half-way.
fn lesson_times(platform: &Platform, account: u64, step: u64, draw: &mut Draw) -> (Micros, Option<Micros>) {
    let earliest = platform.created_at(account).max(platform.as_of - 9 * YEAR);
    let latest = (platform.as_of - 2 * LESSONS as i64 * DAY - DAY).max(earliest);
    let first = draw.later_of(earliest, latest);
    let gives_up = draw.below(6) == 0;
    let started = first + 2 * step as i64 * DAY;
    let completed = (!gives_up || step < LESSONS / 2).then_some(started + HOUR);
    (started, completed)
}

pub(super) const QUIZ_ATTEMPT: Table = Table {
    name: "quiz_attempt",
    columns: &[
        ("id", Integer),
        ("account_id", Integer),
        ("quiz_id", Integer),
        ("started_at", TimestampTz),
        ("finished_at", TimestampTz),
        ("score", Integer),
        ("reviewer_id", Integer),
    ],
    rows: |counts| counts.quiz_attempt,
    row: |platform, row| {
        let mut event = platform.event("quiz_attempt", row, platform.counts.quiz_attempt, Spread::recent(180, 0.65));
        let finished = (event.edge || !event.draw.chance(4)).then_some(event.at);
        vec![
            id(row + 1),
            id(event.account),
            id(1 + event.draw.below(platform.counts.quiz)),
            time(event.at - 20 * MINUTE),
            maybe(finished, time),
            maybe(finished.map(|_| event.draw.below(101)), id),
            maybe(platform.reviewer(finished, &mut event), id),
        ]
    },
};

pub(super) const QUIZ_ANSWER: Table = Table {
    name: "quiz_answer",
    columns: &[("id", Integer), ("attempt_id", Integer), ("question", Integer), ("answer", Text), ("correct", Boolean)],
    rows: |counts| counts.quiz_answer,
    row: |platform, row| {
        let mut draw = platform.draw("quiz_answer", row);
        vec![
            id(row + 1),
            id(row / ANSWERS + 1),
            id(row % ANSWERS + 1),
            text(draw.pick(&["a", "b", "c", "d", "because the sum of the angles is 180°", "I do not know"])),
            Value::Bool(draw.chance(70)),
        ]
    },
};

pub(super) const PLACEMENT_RESULT: Table = Table {
    name: "placement_result",
    columns: &[
        ("id", Integer),
        ("account_id", Integer),
        ("course_id", Integer),
        ("level", Text),
        ("score", Integer),
        ("taken_on", Date),
    ],
    rows: |counts| counts.placement_result,
    row: |platform, row| {
        let rows = platform.counts.placement_result;
        let mut event = platform.event("placement_result", row, rows, Spread::recent(700, 0.6));
        vec![
            id(row + 1),
            id(event.account),
            id(1 + event.draw.below(platform.counts.course)),
            text(event.draw.pick(&["A1", "A2", "B1", "B2", "C1"])),
            id(event.draw.below(101)),
            date(event.at),
        ]
    },
};

pub(super) const GENERATED_LESSON: Table = Table {
    name: "generated_lesson",
    columns: &[
        ("id", Integer),
        ("account_id", Integer),
        ("course_id", Integer),
        ("title", Text),
        ("body", Text),
        ("created_at", TimestampTz),
    ],
    rows: |counts| counts.generated_lesson,
    row: |platform, row| {
        let rows = platform.counts.generated_lesson;
        let mut event = platform.event("generated_lesson", row, rows, Spread::recent(350, 0.7));
        let subject = event.draw.pick(&SUBJECTS);
        vec![
            id(row + 1),
            id(event.account),
            id(1 + event.draw.below(platform.counts.course)),
            text(format!("{subject} for you")),
            text(format!(
                "You found question {} hard. Let us look at {subject} once more.",
                event.draw.below(ANSWERS) + 1
            )),
            time(event.at),
        ]
    },
};

pub(super) const COURSE_COMPLETION: Table = Table {
    name: "course_completion",
    columns: &[
        ("id", Integer),
        ("account_id", Integer),
        ("course_id", Integer),
        ("status", Text),
        ("grade", Integer),
        ("completed_at", TimestampTz),
        ("renewed_at", TimestampTz),
    ],
    rows: |counts| counts.course_completion,
    row: |platform, row| {
        let completed = completion_at(platform, row);
        let mut event = completed.event;
        let pending = !event.edge && completed.renewed.is_none() && event.draw.chance(3);
        vec![
            id(row + 1),
            id(event.account),
            id(1 + event.draw.below(platform.counts.course)),
            text(if pending { "verification_pending" } else { "verified" }),
            id(60 + event.draw.below(41)),
            time(event.at),
            maybe(completed.renewed, time),
        ]
    },
};

struct Completion {
    event: Event,
    renewed: Option<Micros>,
}

/// Certificates are renewed a year after the completion.
fn completion_at(platform: &Platform, row: u64) -> Completion {
    let rows = platform.counts.course_completion;
    let event = platform.event("course_completion", row, rows, Spread::recent(730, 0.5));
    let renewed = platform.is_renewed(row).then_some(event.at + YEAR);
    Completion { event, renewed }
}

pub(super) const CERTIFICATE: Table = Table {
    name: "certificate",
    columns: &[
        ("id", Integer),
        ("completion_id", Integer),
        ("renewed_from", Integer),
        ("number", Text),
        ("issued_at", TimestampTz),
    ],
    rows: |counts| counts.certificate,
    row: certificate,
};

/// First one certificate a completion, then the renewals of some of them.
fn certificate(platform: &Platform, row: u64) -> Vec<Value> {
    let completions = platform.counts.course_completion;
    let renewal = row.checked_sub(completions);
    let completion = renewal.map_or(row, |renewal| platform.renewed_completion(renewal));
    let completed = completion_at(platform, completion);
    let issued = renewal.and(completed.renewed).unwrap_or(completed.event.at);
    vec![
        id(row + 1),
        id(completion + 1),
        maybe(renewal.map(|_| completion + 1), id),
        text(format!("C-{:08}", row + 1)),
        time(issued),
    ]
}
