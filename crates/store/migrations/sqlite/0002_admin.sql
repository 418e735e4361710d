-- Administration: keys with scopes, secrets that retire, environments that go, admins, the audit log.

-- The three are null unless one signing secret replaces another. The standing is 'active', 'disabled' or 'deleting'.
ALTER TABLE developer ADD COLUMN retiring_secret BLOB;
ALTER TABLE developer ADD COLUMN retiring_until_ms INTEGER;
ALTER TABLE developer ADD COLUMN sign_with TEXT;
ALTER TABLE developer ADD COLUMN standing TEXT NOT NULL DEFAULT 'active';

-- SQLite changes no foreign key, so what has one is made anew. These go with their developer. A connection does not:
-- its grant must be revoked first.

ALTER TABLE api_key RENAME TO old_api_key;
CREATE TABLE api_key (
    key_id BLOB NOT NULL PRIMARY KEY,
    dev_id TEXT NOT NULL REFERENCES developer ON DELETE CASCADE,
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    last_used_at_ms INTEGER
) STRICT;
-- A key that is there already may do everything, as before.
INSERT INTO api_key (key_id, dev_id, name, hint, digest, scopes, created_at_ms, expires_at_ms)
    SELECT key_id, dev_id, name, '', digest,
        '["auth:write","connections:read","connections:write","providers:read","webhooks:write"]',
        created_at_ms, expires_at_ms
    FROM old_api_key;
DROP TABLE old_api_key;
CREATE INDEX api_key_of ON api_key (dev_id, created_at_ms, key_id);

ALTER TABLE connection_count RENAME TO old_connection_count;
CREATE TABLE connection_count (
    dev_id TEXT NOT NULL REFERENCES developer ON DELETE CASCADE,
    part INTEGER NOT NULL,
    connections INTEGER NOT NULL,
    PRIMARY KEY (dev_id, part)
) STRICT, WITHOUT ROWID;
INSERT INTO connection_count SELECT * FROM old_connection_count;
DROP TABLE old_connection_count;

ALTER TABLE widget_session RENAME TO old_widget_session;
CREATE TABLE widget_session (
    session_id BLOB NOT NULL PRIMARY KEY,
    dev_id TEXT NOT NULL REFERENCES developer ON DELETE CASCADE,
    secret_digest BLOB NOT NULL,
    state TEXT NOT NULL,
    request TEXT NOT NULL,
    user_id BLOB,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT;
INSERT INTO widget_session SELECT * FROM old_widget_session;
DROP TABLE old_widget_session;
CREATE INDEX widget_session_expiry ON widget_session (expires_at_ms);
CREATE INDEX widget_session_user ON widget_session (user_id) WHERE user_id IS NOT NULL;

ALTER TABLE delivery RENAME TO old_delivery;
CREATE TABLE delivery (
    delivery_id BLOB NOT NULL PRIMARY KEY,
    dev_id TEXT NOT NULL REFERENCES developer ON DELETE CASCADE,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL
) STRICT;
INSERT INTO delivery SELECT * FROM old_delivery;
DROP TABLE old_delivery;
CREATE INDEX delivery_due ON delivery (next_attempt_at_ms, delivery_id) WHERE state = 'waiting';
CREATE INDEX delivery_ended ON delivery (created_at_ms) WHERE state <> 'waiting';
CREATE INDEX delivery_newest ON delivery (dev_id, created_at_ms, delivery_id);

-- A revocation is owed to a provider, also when the developer is gone.
ALTER TABLE revocation RENAME TO old_revocation;
CREATE TABLE revocation (
    user_id BLOB NOT NULL PRIMARY KEY,
    dev_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    sealed_grant BLOB,
    created_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL
) STRICT;
INSERT INTO revocation SELECT * FROM old_revocation;
DROP TABLE old_revocation;
CREATE INDEX revocation_due ON revocation (next_attempt_at_ms, user_id) WHERE state = 'waiting';
CREATE INDEX revocation_ended ON revocation (created_at_ms) WHERE state <> 'waiting';

CREATE TABLE admin_token (
    token_id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER
) STRICT;

-- Grows with every change of developers, keys and admins, so that other nodes see it.
CREATE TABLE revision (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO revision (id, revision) VALUES (1, 0);

CREATE TABLE audit_record (
    seq INTEGER NOT NULL PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT,
    action TEXT NOT NULL,
    dev_id TEXT,
    target TEXT NOT NULL,
    allowed INTEGER NOT NULL,
    mark BLOB NOT NULL
) STRICT;

-- Where the log ends. Whoever appends to it holds this row, so that no two lines follow the same one.
CREATE TABLE audit_head (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    mark BLOB NOT NULL
) STRICT;
INSERT INTO audit_head (id, seq, mark) VALUES (1, 0, zeroblob(32));
