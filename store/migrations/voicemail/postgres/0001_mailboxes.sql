-- What the SQLite file holds after its first two migrations; the comments are there. The columns stand in the same order.
CREATE TABLE mailboxes (
    "user"    TEXT NOT NULL PRIMARY KEY,
    pin       BYTEA,
    name      TEXT,
    no_answer TEXT,
    busy      TEXT,
    temporary TEXT
);

CREATE TABLE messages (
    file        TEXT   NOT NULL PRIMARY KEY,
    "user"      TEXT   NOT NULL,
    caller      TEXT   NOT NULL,
    caller_name TEXT   NOT NULL,
    at_ms       BIGINT NOT NULL,
    length_ms   BIGINT NOT NULL,
    is_urgent   BIGINT NOT NULL,
    is_new      BIGINT NOT NULL,
    deleted_ms  BIGINT
);
CREATE INDEX messages_of_a_mailbox ON messages ("user", at_ms);

CREATE TABLE takes (
    file        TEXT   NOT NULL PRIMARY KEY,
    run         TEXT   NOT NULL,
    "user"      TEXT   NOT NULL,
    caller      TEXT   NOT NULL,
    caller_name TEXT   NOT NULL,
    at_ms       BIGINT NOT NULL,
    message     TEXT
);

CREATE TABLE tries (
    mailbox   TEXT   NOT NULL PRIMARY KEY,
    wrong     BIGINT NOT NULL,
    locked_ms BIGINT NOT NULL,
    at_ms     BIGINT NOT NULL
);

CREATE TABLE answers (
    run    TEXT   NOT NULL,
    number BIGINT NOT NULL,
    answer TEXT   NOT NULL,
    at_ms  BIGINT NOT NULL,
    PRIMARY KEY (run, number)
);

CREATE TABLE deliveries (
    id     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file   TEXT   NOT NULL,
    how    TEXT   NOT NULL,
    tries  BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    UNIQUE (file, how)
);
