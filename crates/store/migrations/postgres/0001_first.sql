-- Instants are Unix milliseconds, ids 16 bytes, lists and requests JSON. Text sorts by its bytes, as in SQLite.

CREATE TABLE developer (
    dev_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    environment TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    logo_url TEXT COLLATE "C",
    accent TEXT COLLATE "C",
    user_limit BIGINT,
    providers TEXT COLLATE "C",
    redirect_allow_list TEXT COLLATE "C" NOT NULL,
    destination TEXT COLLATE "C",
    signing_secret BYTEA NOT NULL,
    created_at_ms BIGINT NOT NULL
);

CREATE TABLE api_key (
    key_id BYTEA NOT NULL PRIMARY KEY,
    dev_id TEXT COLLATE "C" NOT NULL REFERENCES developer,
    name TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL UNIQUE,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT
);

CREATE TABLE connection (
    user_id BYTEA NOT NULL,
    dev_id TEXT COLLATE "C" NOT NULL REFERENCES developer,
    provider TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    reference_id TEXT COLLATE "C",
    scopes TEXT COLLATE "C",
    active BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    last_webhook_update_ms BIGINT,
    sealed_grant BYTEA,
    PRIMARY KEY (dev_id, user_id)
);
CREATE INDEX connection_account ON connection (dev_id, account, provider);
CREATE INDEX connection_reference ON connection (dev_id, reference_id, created_at_ms, user_id)
    WHERE reference_id IS NOT NULL;

-- How many connections a developer has, so that nobody counts a million rows. In parts, so that writers seldom meet.
CREATE TABLE connection_count (
    dev_id TEXT COLLATE "C" NOT NULL REFERENCES developer,
    part BIGINT NOT NULL,
    connections BIGINT NOT NULL,
    PRIMARY KEY (dev_id, part)
);

CREATE TABLE widget_session (
    session_id BYTEA NOT NULL PRIMARY KEY,
    dev_id TEXT COLLATE "C" NOT NULL REFERENCES developer,
    secret_digest BYTEA NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    user_id BYTEA,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX widget_session_expiry ON widget_session (expires_at_ms);
CREATE INDEX widget_session_user ON widget_session (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE spent_token (
    token_id BYTEA NOT NULL PRIMARY KEY,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX spent_token_expiry ON spent_token (expires_at_ms);

-- The state is 'waiting', 'done' or 'gave_up', here and for revocations.
CREATE TABLE delivery (
    delivery_id BYTEA NOT NULL PRIMARY KEY,
    dev_id TEXT COLLATE "C" NOT NULL REFERENCES developer,
    kind TEXT COLLATE "C" NOT NULL,
    payload TEXT COLLATE "C" NOT NULL,
    created_at_ms BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at_ms BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL
);
CREATE INDEX delivery_due ON delivery (next_attempt_at_ms, delivery_id) WHERE state = 'waiting';
CREATE INDEX delivery_ended ON delivery (created_at_ms) WHERE state <> 'waiting';
CREATE INDEX delivery_newest ON delivery (dev_id, created_at_ms, delivery_id);

CREATE TABLE revocation (
    user_id BYTEA NOT NULL PRIMARY KEY,
    dev_id TEXT COLLATE "C" NOT NULL REFERENCES developer,
    provider TEXT COLLATE "C" NOT NULL,
    sealed_grant BYTEA,
    created_at_ms BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at_ms BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL
);
CREATE INDEX revocation_due ON revocation (next_attempt_at_ms, user_id) WHERE state = 'waiting';
CREATE INDEX revocation_ended ON revocation (created_at_ms) WHERE state <> 'waiting';
