-- The sample learning platform on PostgreSQL: an application's schema, not tenure's.
-- Instants are timestamptz, except where the comment beside a column says otherwise.

CREATE TABLE organisation (
    id bigint PRIMARY KEY,
    name varchar(120) NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE account (
    id bigint PRIMARY KEY,
    organisation_id bigint REFERENCES organisation (id) ON DELETE SET NULL,
    -- Set while the person is a minor; the application clears it on the 18th birthday.
    guardian_id bigint REFERENCES account (id) ON DELETE SET NULL,
    email varchar(190) NOT NULL UNIQUE,
    given_name varchar(80),
    family_name varchar(80),
    birth_date date,
    marketing_consent boolean NOT NULL,
    analytics_consent boolean NOT NULL,
    -- Consent to analytics was withdrawn then; cleared when it is given again.
    analytics_withdrawn_at timestamptz,
    -- The person restricts or objects to the processing of their data since then.
    restricted_at timestamptz,
    created_at timestamptz NOT NULL,
    closed_at timestamptz
);
CREATE INDEX account_organisation ON account (organisation_id);
CREATE INDEX account_guardian ON account (guardian_id);
CREATE INDEX account_closed ON account (closed_at);

CREATE TABLE communication_preference (
    account_id bigint PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    newsletter boolean NOT NULL,
    reminders boolean NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE consent (
    id bigint PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    purpose varchar(40) NOT NULL,
    granted_at timestamptz NOT NULL,
    -- Not indexed: few consents are ever withdrawn.
    withdrawn_at timestamptz
);
CREATE INDEX consent_account ON consent (account_id);

CREATE TABLE api_token (
    id bigint PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    label varchar(80) NOT NULL,
    digest varchar(64) NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    -- NULL: does not expire.
    expires_at timestamptz
);
CREATE INDEX api_token_account ON api_token (account_id);
CREATE INDEX api_token_expires ON api_token (expires_at);

CREATE TABLE login (
    id bigint PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    -- Seconds since 1970.
    at bigint NOT NULL,
    succeeded boolean NOT NULL,
    ip varchar(45),
    user_agent varchar(200)
);
CREATE INDEX login_account ON login (account_id);
CREATE INDEX login_at ON login (at);

CREATE TABLE course (
    id bigint PRIMARY KEY,
    organisation_id bigint REFERENCES organisation (id) ON DELETE SET NULL,
    slug varchar(80) NOT NULL UNIQUE,
    title varchar(160) NOT NULL,
    published_at timestamptz NOT NULL
);
CREATE INDEX course_organisation ON course (organisation_id);

CREATE TABLE lesson (
    id bigint PRIMARY KEY,
    course_id bigint NOT NULL REFERENCES course (id) ON DELETE CASCADE,
    position integer NOT NULL,
    title varchar(160) NOT NULL,
    UNIQUE (course_id, position)
);

CREATE TABLE quiz (
    id bigint PRIMARY KEY,
    lesson_id bigint NOT NULL REFERENCES lesson (id) ON DELETE CASCADE,
    title varchar(160) NOT NULL,
    pass_mark integer NOT NULL
);
CREATE INDEX quiz_lesson ON quiz (lesson_id);

CREATE TABLE course_setting (
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    course_id bigint NOT NULL REFERENCES course (id) ON DELETE CASCADE,
    pace varchar(20) NOT NULL,
    reminders boolean NOT NULL,
    -- Naive: written in the database's local time, which is UTC.
    updated_at timestamp NOT NULL,
    PRIMARY KEY (account_id, course_id)
);
CREATE INDEX course_setting_course ON course_setting (course_id);
CREATE INDEX course_setting_updated ON course_setting (updated_at);

CREATE TABLE enrolment (
    id bigint PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE RESTRICT,
    course_id bigint NOT NULL REFERENCES course (id) ON DELETE RESTRICT,
    enrolled_at timestamptz NOT NULL,
    last_active_at timestamptz NOT NULL,
    left_at timestamptz
);
CREATE INDEX enrolment_account ON enrolment (account_id, course_id);
CREATE INDEX enrolment_course ON enrolment (course_id);
CREATE INDEX enrolment_active ON enrolment (last_active_at);

CREATE TABLE lesson_progress (
    account_id bigint NOT NULL REFERENCES account (id),
    lesson_id bigint NOT NULL REFERENCES lesson (id),
    started_at timestamptz NOT NULL,
    completed_at timestamptz,
    PRIMARY KEY (account_id, lesson_id)
);
CREATE INDEX lesson_progress_lesson ON lesson_progress (lesson_id);
CREATE INDEX lesson_progress_completed ON lesson_progress (completed_at);

CREATE TABLE quiz_attempt (
    id bigint PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE RESTRICT,
    quiz_id bigint NOT NULL REFERENCES quiz (id),
    started_at timestamptz NOT NULL,
    -- NULL: never handed in.
    finished_at timestamptz,
    score integer,
    -- Another learner, who looked at it.
    reviewer_id bigint REFERENCES account (id) ON DELETE SET NULL
);
CREATE INDEX quiz_attempt_account ON quiz_attempt (account_id);
CREATE INDEX quiz_attempt_quiz ON quiz_attempt (quiz_id);
CREATE INDEX quiz_attempt_finished ON quiz_attempt (finished_at);
CREATE INDEX quiz_attempt_reviewer ON quiz_attempt (reviewer_id);

-- Bears no time of its own: its age is that of the attempt.
CREATE TABLE quiz_answer (
    id bigint PRIMARY KEY,
    attempt_id bigint NOT NULL REFERENCES quiz_attempt (id) ON DELETE CASCADE,
    question integer NOT NULL,
    answer varchar(400) NOT NULL,
    correct boolean NOT NULL
);
CREATE INDEX quiz_answer_attempt ON quiz_answer (attempt_id);

CREATE TABLE placement_result (
    id bigint PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    course_id bigint NOT NULL REFERENCES course (id),
    level varchar(10) NOT NULL,
    score integer NOT NULL,
    -- Not indexed.
    taken_on date NOT NULL
);
CREATE INDEX placement_result_account ON placement_result (account_id);

CREATE TABLE generated_lesson (
    id bigint PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    course_id bigint REFERENCES course (id) ON DELETE SET NULL,
    title varchar(160) NOT NULL,
    body text NOT NULL,
    -- Not indexed.
    created_at timestamptz NOT NULL
);
CREATE INDEX generated_lesson_account ON generated_lesson (account_id);

CREATE TABLE course_completion (
    id bigint PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE RESTRICT,
    course_id bigint NOT NULL REFERENCES course (id) ON DELETE RESTRICT,
    status varchar(30) NOT NULL CHECK (status IN ('verified', 'verification_pending')),
    grade integer NOT NULL,
    completed_at timestamptz NOT NULL,
    -- When the certificate was last renewed.
    renewed_at timestamptz
);
CREATE INDEX course_completion_account ON course_completion (account_id);
CREATE INDEX course_completion_course ON course_completion (course_id);
CREATE INDEX course_completion_completed ON course_completion (completed_at);

CREATE TABLE certificate (
    id bigint PRIMARY KEY,
    completion_id bigint NOT NULL REFERENCES course_completion (id) ON DELETE RESTRICT,
    renewed_from bigint REFERENCES certificate (id),
    number varchar(40) NOT NULL UNIQUE,
    issued_at timestamptz NOT NULL
);
CREATE INDEX certificate_completion ON certificate (completion_id);
CREATE INDEX certificate_renewed ON certificate (renewed_from);

CREATE TABLE payment (
    id bigint PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE RESTRICT,
    course_id bigint REFERENCES course (id) ON DELETE SET NULL,
    invoice varchar(40) NOT NULL UNIQUE,
    amount_cents bigint NOT NULL,
    currency varchar(3) NOT NULL,
    billing_name varchar(160),
    billing_address varchar(240),
    paid_at timestamptz NOT NULL
);
CREATE INDEX payment_account ON payment (account_id);
CREATE INDEX payment_paid ON payment (paid_at);

CREATE TABLE support_ticket (
    id bigint PRIMARY KEY,
    account_id bigint REFERENCES account (id) ON DELETE SET NULL,
    subject varchar(160) NOT NULL,
    opened_at timestamptz NOT NULL,
    -- NULL: still open.
    closed_at timestamptz
);
CREATE INDEX support_ticket_account ON support_ticket (account_id);
CREATE INDEX support_ticket_closed ON support_ticket (closed_at);

CREATE TABLE support_message (
    id bigint PRIMARY KEY,
    ticket_id bigint NOT NULL REFERENCES support_ticket (id) ON DELETE RESTRICT,
    -- NULL: written by the support team.
    author_id bigint REFERENCES account (id) ON DELETE SET NULL,
    reply_to bigint REFERENCES support_message (id) ON DELETE SET NULL,
    body varchar(1000) NOT NULL,
    sent_at timestamptz NOT NULL
);
CREATE INDEX support_message_ticket ON support_message (ticket_id);
CREATE INDEX support_message_author ON support_message (author_id);
CREATE INDEX support_message_reply ON support_message (reply_to);

-- Knows no accounts, only where mails went.
CREATE TABLE mail_log (
    id bigint PRIMARY KEY,
    address varchar(200) NOT NULL,
    subject varchar(200) NOT NULL,
    sent_at timestamptz NOT NULL
);
CREATE INDEX mail_log_address ON mail_log (address);
CREATE INDEX mail_log_sent ON mail_log (sent_at);

-- Written by the website; a request outlives its account.
CREATE TABLE deletion_request (
    id bigint PRIMARY KEY,
    account_id bigint NOT NULL,
    requested_at timestamptz NOT NULL,
    -- NULL: nobody knows yet whether the person asked.
    verified_at timestamptz,
    done_at timestamptz
);

-- Written by the proxy, which knows no foreign keys.
CREATE TABLE access_log (
    id bigint PRIMARY KEY,
    account_id bigint,
    logged_at timestamptz NOT NULL,
    method varchar(8) NOT NULL,
    path varchar(200) NOT NULL,
    status integer NOT NULL,
    ip varchar(45) NOT NULL,
    session varchar(40)
);
CREATE INDEX access_log_logged ON access_log (logged_at);

CREATE TABLE error_log (
    id bigint PRIMARY KEY,
    -- Milliseconds since 1970.
    at bigint NOT NULL,
    level varchar(10) NOT NULL,
    message varchar(400) NOT NULL,
    -- The reference has no index.
    account_id bigint REFERENCES account (id) ON DELETE SET NULL
);
CREATE INDEX error_log_at ON error_log (at);

CREATE TABLE page_view (
    id bigint PRIMARY KEY,
    -- NULL: not signed in, or no consent to analytics.
    user_id bigint REFERENCES account (id) ON DELETE SET NULL,
    organisation_id bigint,
    course_id bigint,
    path varchar(200) NOT NULL,
    viewed_at timestamptz NOT NULL,
    duration_s integer NOT NULL
);
CREATE INDEX page_view_user ON page_view (user_id);
CREATE INDEX page_view_viewed ON page_view (viewed_at);

-- Targets of roll-ups. `folded`: 0 a named group, 1 the bucket's small groups together, 2 what was too little to show.
CREATE TABLE page_view_daily (
    bucket timestamptz,
    course_id bigint,
    path varchar(200),
    views bigint NOT NULL,
    seconds bigint,
    longest integer,
    folded smallint NOT NULL DEFAULT 0
);
CREATE INDEX page_view_daily_bucket ON page_view_daily (bucket);

CREATE TABLE page_view_monthly (
    bucket timestamptz,
    course_id bigint,
    views bigint NOT NULL,
    people bigint,
    duration_sum bigint,
    duration_count bigint,
    folded smallint NOT NULL DEFAULT 0
);
CREATE INDEX page_view_monthly_bucket ON page_view_monthly (bucket);

CREATE TABLE organisation_activity_monthly (
    bucket timestamptz,
    organisation_id bigint,
    course_id bigint,
    views bigint NOT NULL,
    seconds bigint,
    folded smallint NOT NULL DEFAULT 0
);
CREATE INDEX organisation_activity_monthly_bucket ON organisation_activity_monthly (bucket);

CREATE TABLE error_log_weekly (
    bucket timestamptz,
    level varchar(10),
    errors bigint NOT NULL,
    folded smallint NOT NULL DEFAULT 0
);
CREATE INDEX error_log_weekly_bucket ON error_log_weekly (bucket);
