-- Instants are Unix milliseconds, ids 16 bytes, lists and requests JSON.

CREATE TABLE developer (
    dev_id TEXT NOT NULL PRIMARY KEY,
    environment TEXT NOT NULL,
    name TEXT NOT NULL,
    logo_url TEXT,
    accent TEXT,
    user_limit INTEGER,
    providers TEXT,
    redirect_allow_list TEXT NOT NULL,
    destination TEXT,
    signing_secret BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE api_key (
    key_id BLOB NOT NULL PRIMARY KEY,
    dev_id TEXT NOT NULL REFERENCES developer,
    name TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER
) STRICT;

CREATE TABLE connection (
    user_id BLOB NOT NULL,
    dev_id TEXT NOT NULL REFERENCES developer,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference_id TEXT,
    scopes TEXT,
    active INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    last_webhook_update_ms INTEGER,
    sealed_grant BLOB,
    PRIMARY KEY (dev_id, user_id)
) STRICT;
CREATE INDEX connection_account ON connection (dev_id, account, provider);
CREATE INDEX connection_reference ON connection (dev_id, reference_id, created_at_ms, user_id)
    WHERE reference_id IS NOT NULL;

-- How many connections a developer has, so that nobody counts a million rows. In parts, so that writers seldom meet.
CREATE TABLE connection_count (
    dev_id TEXT NOT NULL REFERENCES developer,
    part INTEGER NOT NULL,
    connections INTEGER NOT NULL,
    PRIMARY KEY (dev_id, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE widget_session (
    session_id BLOB NOT NULL PRIMARY KEY,
    dev_id TEXT NOT NULL REFERENCES developer,
    secret_digest BLOB NOT NULL,
    state TEXT NOT NULL,
    request TEXT NOT NULL,
    user_id BLOB,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX widget_session_expiry ON widget_session (expires_at_ms);
CREATE INDEX widget_session_user ON widget_session (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE spent_token (
    token_id BLOB NOT NULL PRIMARY KEY,
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_token_expiry ON spent_token (expires_at_ms);

-- The state is 'waiting', 'done' or 'gave_up', here and for revocations.
CREATE TABLE delivery (
    delivery_id BLOB NOT NULL PRIMARY KEY,
    dev_id TEXT NOT NULL REFERENCES developer,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL
) STRICT;
CREATE INDEX delivery_due ON delivery (next_attempt_at_ms, delivery_id) WHERE state = 'waiting';
CREATE INDEX delivery_ended ON delivery (created_at_ms) WHERE state <> 'waiting';
CREATE INDEX delivery_newest ON delivery (dev_id, created_at_ms, delivery_id);

CREATE TABLE revocation (
    user_id BLOB NOT NULL PRIMARY KEY,
    dev_id TEXT NOT NULL REFERENCES developer,
    provider TEXT NOT NULL,
    sealed_grant BLOB,
    created_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL
) STRICT;
CREATE INDEX revocation_due ON revocation (next_attempt_at_ms, user_id) WHERE state = 'waiting';
CREATE INDEX revocation_ended ON revocation (created_at_ms) WHERE state <> 'waiting';
