-- The operators' apps at the providers, one for each environment that has its own.

-- Without a foreign key: grants are revoked after their environment is gone, and with its app. The three of the previous
-- secret are null unless one secret replaces another. Headers are names, as a JSON list; their values are in the secret.
CREATE TABLE provider_app (
    dev_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    client_id TEXT NOT NULL,
    sealed_secret BLOB NOT NULL,
    hint TEXT NOT NULL,
    headers TEXT NOT NULL,
    previous_secret BLOB,
    previous_hint TEXT,
    previous_headers TEXT,
    previous_until_ms INTEGER,
    created_at_ms INTEGER NOT NULL,
    changed_at_ms INTEGER NOT NULL,
    last_used_at_ms INTEGER,
    PRIMARY KEY (dev_id, provider)
) STRICT, WITHOUT ROWID;
