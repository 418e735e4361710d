-- Administration: keys with scopes, secrets that retire, environments that go, admins, the audit log.

-- The three are null unless one signing secret replaces another. The standing is 'active', 'disabled' or 'deleting'.
ALTER TABLE developer
    ADD COLUMN retiring_secret BYTEA,
    ADD COLUMN retiring_until_ms BIGINT,
    ADD COLUMN sign_with TEXT COLLATE "C",
    ADD COLUMN standing TEXT COLLATE "C" NOT NULL DEFAULT 'active';

-- A key that is there already may do everything, as before.
ALTER TABLE api_key
    ADD COLUMN hint TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN scopes TEXT COLLATE "C" NOT NULL
        DEFAULT '["auth:write","connections:read","connections:write","providers:read","webhooks:write"]',
    ADD COLUMN last_used_at_ms BIGINT;
ALTER TABLE api_key
    ALTER COLUMN hint DROP DEFAULT,
    ALTER COLUMN scopes DROP DEFAULT;
CREATE INDEX api_key_of ON api_key (dev_id, created_at_ms, key_id);

-- These go with their developer. A connection does not: its grant must be revoked first.
ALTER TABLE api_key
    DROP CONSTRAINT api_key_dev_id_fkey,
    ADD CONSTRAINT api_key_dev_id_fkey FOREIGN KEY (dev_id) REFERENCES developer ON DELETE CASCADE;
ALTER TABLE connection_count
    DROP CONSTRAINT connection_count_dev_id_fkey,
    ADD CONSTRAINT connection_count_dev_id_fkey FOREIGN KEY (dev_id) REFERENCES developer ON DELETE CASCADE;
ALTER TABLE widget_session
    DROP CONSTRAINT widget_session_dev_id_fkey,
    ADD CONSTRAINT widget_session_dev_id_fkey FOREIGN KEY (dev_id) REFERENCES developer ON DELETE CASCADE;
ALTER TABLE delivery
    DROP CONSTRAINT delivery_dev_id_fkey,
    ADD CONSTRAINT delivery_dev_id_fkey FOREIGN KEY (dev_id) REFERENCES developer ON DELETE CASCADE;

-- A revocation is owed to a provider, also when the developer is gone.
ALTER TABLE revocation DROP CONSTRAINT revocation_dev_id_fkey;

CREATE TABLE admin_token (
    token_id BYTEA NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL UNIQUE,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT
);

-- Grows with every change of developers, keys and admins, so that other nodes see it.
CREATE TABLE revision (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    revision BIGINT NOT NULL
);
INSERT INTO revision (id, revision) VALUES (1, 0);

CREATE TABLE audit_record (
    seq BIGINT NOT NULL PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    origin TEXT COLLATE "C",
    action TEXT COLLATE "C" NOT NULL,
    dev_id TEXT COLLATE "C",
    target TEXT COLLATE "C" NOT NULL,
    allowed BIGINT NOT NULL,
    mark BYTEA NOT NULL
);

-- Where the log ends. Whoever appends to it holds this row, so that no two lines follow the same one.
CREATE TABLE audit_head (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    mark BYTEA NOT NULL
);
INSERT INTO audit_head (id, seq, mark) VALUES (1, 0, decode(repeat('00', 32), 'hex'));
