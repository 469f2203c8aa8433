-- Mailboxes and what was left in them. Every user has a mailbox; a row here is what its owner changed. The sound is in
-- the record store, under the name in `file`.
CREATE TABLE mailboxes (
    user      TEXT NOT NULL PRIMARY KEY, -- the name, as the directory has it
    pin       BLOB,                      -- PBKDF2-HMAC-SHA256: 4 octets of rounds, 16 of salt, 32 of key
    name      TEXT,                      -- recordings: the owner's name, and greetings
    no_answer TEXT,
    busy      TEXT,
    temporary TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    file        TEXT    NOT NULL PRIMARY KEY,
    user        TEXT    NOT NULL,
    caller      TEXT    NOT NULL,
    caller_name TEXT    NOT NULL,
    at_ms       INTEGER NOT NULL, -- Unix time
    length_ms   INTEGER NOT NULL,
    is_urgent   INTEGER NOT NULL,
    is_new      INTEGER NOT NULL,
    deleted_ms  INTEGER           -- when it was thrown away: it can be brought back until it is swept
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_of_a_mailbox ON messages (user, at_ms);

-- Recordings that were begun and not filed yet: written before the recording, so that a start after a crash knows whose
-- each is.
CREATE TABLE takes (
    file        TEXT    NOT NULL PRIMARY KEY,
    run         TEXT    NOT NULL,
    user        TEXT    NOT NULL,
    caller      TEXT    NOT NULL,
    caller_name TEXT    NOT NULL,
    at_ms       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Wrong PINs. `mailbox` is what was typed, so that one that does not exist looks like one that does.
CREATE TABLE tries (
    mailbox   TEXT    NOT NULL PRIMARY KEY,
    wrong     INTEGER NOT NULL,
    locked_ms INTEGER NOT NULL, -- until when; Unix time
    at_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What runs were answered: a run that is told again decides alike.
CREATE TABLE answers (
    run    TEXT    NOT NULL,
    number INTEGER NOT NULL,
    answer TEXT    NOT NULL,
    at_ms  INTEGER NOT NULL,
    PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

-- E-mails and webhooks that have not been delivered.
CREATE TABLE deliveries (
    id     INTEGER PRIMARY KEY,
    file   TEXT    NOT NULL,
    how    TEXT    NOT NULL, -- mail, webhook
    tries  INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    UNIQUE (file, how)
) STRICT;
