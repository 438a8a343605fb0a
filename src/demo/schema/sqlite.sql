-- The sample learning platform on SQLite: an application's schema, not tenure's.
-- Instants are ISO text in UTC (`2026-01-31 09:30:00.000000`), except where the comment beside a column says otherwise.

-- As most applications run it; the mode stays with the file.
PRAGMA journal_mode = WAL;
-- 64 MB, for the connection that makes and fills the tables.
PRAGMA cache_size = -65536;

CREATE TABLE organisation (
    id integer PRIMARY KEY,
    name text NOT NULL,
    created_at datetime NOT NULL
);

CREATE TABLE account (
    id integer PRIMARY KEY,
    organisation_id integer REFERENCES organisation (id) ON DELETE SET NULL,
    -- Set while the person is a minor; the application clears it on the 18th birthday.
    guardian_id integer REFERENCES account (id) ON DELETE SET NULL,
    email text NOT NULL UNIQUE,
    given_name text,
    family_name text,
    birth_date date,
    marketing_consent boolean NOT NULL,
    analytics_consent boolean NOT NULL,
    -- Consent to analytics was withdrawn then; cleared when it is given again.
    analytics_withdrawn_at datetime,
    -- The person restricts or objects to the processing of their data since then.
    restricted_at datetime,
    created_at datetime NOT NULL,
    closed_at datetime
);
CREATE INDEX account_organisation ON account (organisation_id);
CREATE INDEX account_guardian ON account (guardian_id);
CREATE INDEX account_closed ON account (closed_at);

CREATE TABLE communication_preference (
    account_id integer PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    newsletter boolean NOT NULL,
    reminders boolean NOT NULL,
    updated_at datetime NOT NULL
);

CREATE TABLE consent (
    id integer PRIMARY KEY,
    account_id integer NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    purpose text NOT NULL,
    granted_at datetime NOT NULL,
    -- Not indexed: few consents are ever withdrawn.
    withdrawn_at datetime
);
CREATE INDEX consent_account ON consent (account_id);

CREATE TABLE api_token (
    id integer PRIMARY KEY,
    account_id integer NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    label text NOT NULL,
    digest text NOT NULL UNIQUE,
    created_at datetime NOT NULL,
    -- NULL: does not expire.
    expires_at datetime
);
CREATE INDEX api_token_account ON api_token (account_id);
CREATE INDEX api_token_expires ON api_token (expires_at);

CREATE TABLE login (
    id integer PRIMARY KEY,
    account_id integer NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    -- Seconds since 1970.
    at integer NOT NULL,
    succeeded boolean NOT NULL,
    ip text,
    user_agent text
);
CREATE INDEX login_account ON login (account_id);
CREATE INDEX login_at ON login (at);

CREATE TABLE course (
    id integer PRIMARY KEY,
    organisation_id integer REFERENCES organisation (id) ON DELETE SET NULL,
    slug text NOT NULL UNIQUE,
    title text NOT NULL,
    published_at datetime NOT NULL
);
CREATE INDEX course_organisation ON course (organisation_id);

CREATE TABLE lesson (
    id integer PRIMARY KEY,
    course_id integer NOT NULL REFERENCES course (id) ON DELETE CASCADE,
    position integer NOT NULL,
    title text NOT NULL,
    UNIQUE (course_id, position)
);

CREATE TABLE quiz (
    id integer PRIMARY KEY,
    lesson_id integer NOT NULL REFERENCES lesson (id) ON DELETE CASCADE,
    title text NOT NULL,
    pass_mark integer NOT NULL
);
CREATE INDEX quiz_lesson ON quiz (lesson_id);

CREATE TABLE course_setting (
    account_id integer NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    course_id integer NOT NULL REFERENCES course (id) ON DELETE CASCADE,
    pace text NOT NULL,
    reminders boolean NOT NULL,
    updated_at datetime NOT NULL,
    PRIMARY KEY (account_id, course_id)
) WITHOUT ROWID;
CREATE INDEX course_setting_course ON course_setting (course_id);
CREATE INDEX course_setting_updated ON course_setting (updated_at);

CREATE TABLE enrolment (
    id integer PRIMARY KEY,
    account_id integer NOT NULL REFERENCES account (id) ON DELETE RESTRICT,
    course_id integer NOT NULL REFERENCES course (id) ON DELETE RESTRICT,
    enrolled_at datetime NOT NULL,
    last_active_at datetime NOT NULL,
    left_at datetime
);
CREATE INDEX enrolment_account ON enrolment (account_id, course_id);
CREATE INDEX enrolment_course ON enrolment (course_id);
CREATE INDEX enrolment_active ON enrolment (last_active_at);

CREATE TABLE lesson_progress (
    account_id integer NOT NULL REFERENCES account (id),
    lesson_id integer NOT NULL REFERENCES lesson (id),
    started_at datetime NOT NULL,
    completed_at datetime,
    PRIMARY KEY (account_id, lesson_id)
) WITHOUT ROWID;
CREATE INDEX lesson_progress_lesson ON lesson_progress (lesson_id);
CREATE INDEX lesson_progress_completed ON lesson_progress (completed_at);

CREATE TABLE quiz_attempt (
    id integer PRIMARY KEY,
    account_id integer NOT NULL REFERENCES account (id) ON DELETE RESTRICT,
    quiz_id integer NOT NULL REFERENCES quiz (id),
    started_at datetime NOT NULL,
    -- NULL: never handed in.
    finished_at datetime,
    score integer,
    -- Another learner, who looked at it.
    reviewer_id integer REFERENCES account (id) ON DELETE SET NULL
);
CREATE INDEX quiz_attempt_account ON quiz_attempt (account_id);
CREATE INDEX quiz_attempt_quiz ON quiz_attempt (quiz_id);
CREATE INDEX quiz_attempt_finished ON quiz_attempt (finished_at);
CREATE INDEX quiz_attempt_reviewer ON quiz_attempt (reviewer_id);

-- Bears no time of its own: its age is that of the attempt.
CREATE TABLE quiz_answer (
    id integer PRIMARY KEY,
    attempt_id integer NOT NULL REFERENCES quiz_attempt (id) ON DELETE CASCADE,
    question integer NOT NULL,
    answer text NOT NULL,
    correct boolean NOT NULL
);
CREATE INDEX quiz_answer_attempt ON quiz_answer (attempt_id);

CREATE TABLE placement_result (
    id integer PRIMARY KEY,
    account_id integer NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    course_id integer NOT NULL REFERENCES course (id),
    level text NOT NULL,
    score integer NOT NULL,
    -- Not indexed.
    taken_on date NOT NULL
);
CREATE INDEX placement_result_account ON placement_result (account_id);

CREATE TABLE generated_lesson (
    id integer PRIMARY KEY,
    account_id integer NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    course_id integer REFERENCES course (id) ON DELETE SET NULL,
    title text NOT NULL,
    body text NOT NULL,
    -- Not indexed.
    created_at datetime NOT NULL
);
CREATE INDEX generated_lesson_account ON generated_lesson (account_id);

CREATE TABLE course_completion (
    id integer PRIMARY KEY,
    account_id integer NOT NULL REFERENCES account (id) ON DELETE RESTRICT,
    course_id integer NOT NULL REFERENCES course (id) ON DELETE RESTRICT,
    status text NOT NULL CHECK (status IN ('verified', 'verification_pending')),
    grade integer NOT NULL,
    completed_at datetime NOT NULL,
    -- When the certificate was last renewed.
    renewed_at datetime
);
CREATE INDEX course_completion_account ON course_completion (account_id);
CREATE INDEX course_completion_course ON course_completion (course_id);
CREATE INDEX course_completion_completed ON course_completion (completed_at);

CREATE TABLE certificate (
    id integer PRIMARY KEY,
    completion_id integer NOT NULL REFERENCES course_completion (id) ON DELETE RESTRICT,
    renewed_from integer REFERENCES certificate (id),
    number text NOT NULL UNIQUE,
    issued_at datetime NOT NULL
);
CREATE INDEX certificate_completion ON certificate (completion_id);
CREATE INDEX certificate_renewed ON certificate (renewed_from);

CREATE TABLE payment (
    id integer PRIMARY KEY,
    account_id integer NOT NULL REFERENCES account (id) ON DELETE RESTRICT,
    course_id integer REFERENCES course (id) ON DELETE SET NULL,
    invoice text NOT NULL UNIQUE,
    amount_cents integer NOT NULL,
    currency text NOT NULL,
    billing_name text,
    billing_address text,
    paid_at datetime NOT NULL
);
CREATE INDEX payment_account ON payment (account_id);
CREATE INDEX payment_paid ON payment (paid_at);

CREATE TABLE support_ticket (
    id integer PRIMARY KEY,
    account_id integer REFERENCES account (id) ON DELETE SET NULL,
    subject text NOT NULL,
    opened_at datetime NOT NULL,
    -- NULL: still open.
    closed_at datetime
);
CREATE INDEX support_ticket_account ON support_ticket (account_id);
CREATE INDEX support_ticket_closed ON support_ticket (closed_at);

CREATE TABLE support_message (
    id integer PRIMARY KEY,
    ticket_id integer NOT NULL REFERENCES support_ticket (id) ON DELETE RESTRICT,
    -- NULL: written by the support team.
    author_id integer REFERENCES account (id) ON DELETE SET NULL,
    reply_to integer REFERENCES support_message (id) ON DELETE SET NULL,
    body text NOT NULL,
    sent_at datetime NOT NULL
);
CREATE INDEX support_message_ticket ON support_message (ticket_id);
CREATE INDEX support_message_author ON support_message (author_id);
CREATE INDEX support_message_reply ON support_message (reply_to);

-- Knows no accounts, only where mails went.
CREATE TABLE mail_log (
    id integer PRIMARY KEY,
    address text NOT NULL,
    subject text NOT NULL,
    sent_at datetime NOT NULL
);
CREATE INDEX mail_log_address ON mail_log (address);
CREATE INDEX mail_log_sent ON mail_log (sent_at);

-- Written by the website; a request outlives its account.
CREATE TABLE deletion_request (
    id integer PRIMARY KEY,
    account_id integer NOT NULL,
    requested_at datetime NOT NULL,
    -- NULL: nobody knows yet whether the person asked.
    verified_at datetime,
    done_at datetime
);

-- Written by the proxy, which knows no foreign keys.
CREATE TABLE access_log (
    id integer PRIMARY KEY,
    account_id integer,
    logged_at datetime NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    status integer NOT NULL,
    ip text NOT NULL,
    session text
);
CREATE INDEX access_log_logged ON access_log (logged_at);

CREATE TABLE error_log (
    id integer PRIMARY KEY,
    -- Milliseconds since 1970.
    at integer NOT NULL,
    level text NOT NULL,
    message text NOT NULL,
    -- The reference has no index.
    account_id integer REFERENCES account (id) ON DELETE SET NULL
);
CREATE INDEX error_log_at ON error_log (at);

CREATE TABLE page_view (
    id integer PRIMARY KEY,
    -- NULL: not signed in, or no consent to analytics.
    user_id integer REFERENCES account (id) ON DELETE SET NULL,
    organisation_id integer,
    course_id integer,
    path text NOT NULL,
    viewed_at datetime NOT NULL,
    duration_s integer NOT NULL
);
CREATE INDEX page_view_user ON page_view (user_id);
CREATE INDEX page_view_viewed ON page_view (viewed_at);

-- Targets of roll-ups. `folded`: 0 a named group, 1 the bucket's small groups together, 2 what was too little to show.
CREATE TABLE page_view_daily (
    bucket datetime,
    course_id integer,
    path text,
    views integer NOT NULL,
    seconds integer,
    longest integer,
    folded integer NOT NULL DEFAULT 0
);
CREATE INDEX page_view_daily_bucket ON page_view_daily (bucket);

CREATE TABLE page_view_monthly (
    bucket datetime,
    course_id integer,
    views integer NOT NULL,
    people integer,
    duration_sum integer,
    duration_count integer,
    folded integer NOT NULL DEFAULT 0
);
CREATE INDEX page_view_monthly_bucket ON page_view_monthly (bucket);

CREATE TABLE organisation_activity_monthly (
    bucket datetime,
    organisation_id integer,
    course_id integer,
    views integer NOT NULL,
    seconds integer,
    folded integer NOT NULL DEFAULT 0
);
CREATE INDEX organisation_activity_monthly_bucket ON organisation_activity_monthly (bucket);

CREATE TABLE error_log_weekly (
    bucket datetime,
    level text,
    errors integer NOT NULL,
    folded integer NOT NULL DEFAULT 0
);
CREATE INDEX error_log_weekly_bucket ON error_log_weekly (bucket);
