-- Users that tools have added. Of a password only its digest keys are kept, H(name:realm:password), one for each
-- algorithm. Names and extensions are looked up together: no text may be one user's name and another's extension,
-- which the program sees to within the transaction that adds a user.
CREATE TABLE users (
    name           TEXT    NOT NULL PRIMARY KEY,
    extension      TEXT    UNIQUE,
    display_name   TEXT    NOT NULL,
    realm          TEXT    NOT NULL,
    ha1_md5        BLOB    CHECK (length(ha1_md5) = 16),
    ha1_sha256     BLOB    CHECK (length(ha1_sha256) = 32),
    ha1_sha512_256 BLOB    CHECK (length(ha1_sha512_256) = 32),
    created_at     INTEGER NOT NULL -- seconds of Unix time
) STRICT, WITHOUT ROWID;

-- For the hint "no user Alice; alice exists", at the cost of the lookup itself.
CREATE INDEX users_by_name_in_any_case ON users (name COLLATE NOCASE);
