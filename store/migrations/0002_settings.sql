-- What becomes of the calls to users, of this database or of a configuration file: forwarding and the like. What has no
-- row is as the file says.
CREATE TABLE settings (
    user  TEXT NOT NULL,
    key   TEXT NOT NULL, -- do-not-disturb, forward-always, ...
    value TEXT NOT NULL, -- empty where the user has ended what the file says
    PRIMARY KEY (user, key)
) STRICT, WITHOUT ROWID;
