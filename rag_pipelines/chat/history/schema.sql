-- Conversations in SQLite, version 1 (PRAGMA user_version).
-- A session's turns and its feedback go with it.
CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    title TEXT NOT NULL,
    turns INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user_id, updated_at);
CREATE INDEX sessions_by_age ON sessions (updated_at);

CREATE TABLE turns (
    session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    content TEXT NOT NULL,
    answer_id TEXT NOT NULL,
    citations TEXT NOT NULL,
    release TEXT NOT NULL,
    generation INTEGER NOT NULL,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    grounded REAL NOT NULL,
    abstained INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('complete', 'interrupted')),
    created_at TEXT NOT NULL,
    PRIMARY KEY (session_id, seq),
    UNIQUE (answer_id, role)
) STRICT;

CREATE TABLE feedback (
    user_id TEXT NOT NULL,
    answer_id TEXT NOT NULL,
    session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    rating TEXT NOT NULL CHECK (rating IN ('up', 'down')),
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    correction TEXT NOT NULL,
    comment TEXT NOT NULL,
    citations TEXT NOT NULL,
    release TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (user_id, answer_id)
) STRICT;
CREATE INDEX feedback_of_session ON feedback (session_id);
CREATE INDEX feedback_by_age ON feedback (created_at);
