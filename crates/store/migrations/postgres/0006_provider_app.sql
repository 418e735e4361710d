-- The operators' apps at the providers, one for each environment that has its own.

-- Without a foreign key: grants are revoked after their environment is gone, and with its app. The three of the previous
-- secret are null unless one secret replaces another. Headers are names, as a JSON list; their values are in the secret.
CREATE TABLE provider_app (
    dev_id TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    sealed_secret BYTEA NOT NULL,
    hint TEXT COLLATE "C" NOT NULL,
    headers TEXT COLLATE "C" NOT NULL,
    previous_secret BYTEA,
    previous_hint TEXT COLLATE "C",
    previous_headers TEXT COLLATE "C",
    previous_until_ms BIGINT,
    created_at_ms BIGINT NOT NULL,
    changed_at_ms BIGINT NOT NULL,
    last_used_at_ms BIGINT,
    PRIMARY KEY (dev_id, provider)
);
