-- Instants are Unix milliseconds, ids 16 bytes, lists and requests JSON.

-- An environment. The three columns of a retiring secret are null unless one signing secret replaces another. The status is
-- 'active', 'disabled' or 'deleting'. The MAC covers all columns; a row without a valid one is not loaded.
CREATE TABLE developer (
    dev_id TEXT NOT NULL PRIMARY KEY,
    environment TEXT NOT NULL,
    name TEXT NOT NULL,
    logo_url TEXT,
    accent TEXT,
    user_limit INTEGER,
    providers TEXT,
    redirect_allow_list TEXT NOT NULL,
    signing_secret BLOB NOT NULL,
    retiring_secret BLOB,
    retiring_until_ms INTEGER,
    sign_with TEXT,
    status TEXT NOT NULL DEFAULT 'active',
    keep_user_id INTEGER NOT NULL DEFAULT 0,
    bound_tokens_only INTEGER NOT NULL DEFAULT 0,
    created_at_ms INTEGER NOT NULL,
    mac BLOB
) STRICT;

CREATE TABLE api_key (
    key_id BLOB NOT NULL PRIMARY KEY,
    dev_id TEXT NOT NULL REFERENCES developer ON DELETE CASCADE,
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    last_used_at_ms INTEGER,
    mac BLOB
) STRICT;
CREATE INDEX api_key_of ON api_key (dev_id, created_at_ms, key_id);

CREATE TABLE admin_token (
    token_id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    mac BLOB
) STRICT;

-- Increases with every change of environments, keys, admin tokens and provider apps, so that other nodes see it.
CREATE TABLE revision (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO revision (id, revision) VALUES (1, 0);

-- The actor's id is that of an admin token or API key; null for the process itself.
CREATE TABLE audit_record (
    seq INTEGER NOT NULL PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    actor_id BLOB,
    origin TEXT,
    action TEXT NOT NULL,
    dev_id TEXT,
    target TEXT NOT NULL,
    allowed INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;

-- The end of the log. A unit that appends locks this row, so no two entries follow the same one.
CREATE TABLE audit_head (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
INSERT INTO audit_head (id, seq, mac) VALUES (1, 0, zeroblob(32));

-- The audit entry that says since when rows have MACs; null before that.
CREATE TABLE row_macs (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    seq INTEGER
) STRICT;
INSERT INTO row_macs (id, seq) VALUES (1, NULL);

-- The operators' apps at the providers. There is no foreign key: grants are revoked after their environment is deleted, with its app.
-- The columns of the previous secret are null unless one secret replaces another. Headers are names, as a JSON list; their values are
-- in the secret. The profile is one of the provider's recipe.
CREATE TABLE provider_app (
    dev_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    profile TEXT,
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
    mac BLOB,
    PRIMARY KEY (dev_id, provider)
) STRICT, WITHOUT ROWID;

-- The keys that encrypt and compute MACs, each wrapped by a master key that is not in the store. The purpose is 'vault' or 'mac'. A key
-- without an activation is announced to the nodes and not used yet; a retired one only decrypts.
CREATE TABLE data_key (
    purpose TEXT NOT NULL,
    number INTEGER NOT NULL,
    wrapped_by BLOB NOT NULL,
    wrapped BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL,
    activated_at_ms INTEGER,
    retired_at_ms INTEGER,
    PRIMARY KEY (purpose, number)
) STRICT;

-- A connection and its tokens. Leases are numbered; the tokens have the number of the lease under which they came. The state of the
-- grant is 'fine', 'failing', 'needs_consent' or 'revoked'. A connection does not go with its environment: its grant is revoked first.
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
    token_version INTEGER NOT NULL DEFAULT 0,
    expires_at_ms INTEGER,
    refresh_at_ms INTEGER,
    lease INTEGER NOT NULL DEFAULT 0,
    lease_until_ms INTEGER,
    in_flight_since_ms INTEGER,
    unconfirmed_since_ms INTEGER,
    refresh_failures INTEGER NOT NULL DEFAULT 0,
    refreshed_at_ms INTEGER,
    last_error TEXT,
    last_error_at_ms INTEGER,
    error_reported_at_ms INTEGER,
    grant_state TEXT NOT NULL DEFAULT 'fine',
    grant_state_since_ms INTEGER,
    notified_at_ms INTEGER,
    PRIMARY KEY (dev_id, user_id)
) STRICT;
CREATE INDEX connection_account ON connection (account, provider, dev_id);
CREATE INDEX connection_reference ON connection (dev_id, reference_id, created_at_ms, user_id)
    WHERE reference_id IS NOT NULL;
CREATE INDEX connection_refresh ON connection (provider, refresh_at_ms, user_id) WHERE refresh_at_ms IS NOT NULL;

-- The number of an environment's connections, so that no query counts a million rows. It has parts, so writers rarely wait for each
-- other.
CREATE TABLE connection_count (
    dev_id TEXT NOT NULL REFERENCES developer ON DELETE CASCADE,
    part INTEGER NOT NULL,
    connections INTEGER NOT NULL,
    PRIMARY KEY (dev_id, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE widget_session (
    session_id BLOB NOT NULL PRIMARY KEY,
    dev_id TEXT NOT NULL REFERENCES developer ON DELETE CASCADE,
    secret_digest BLOB NOT NULL,
    state TEXT NOT NULL,
    request TEXT NOT NULL,
    user_id BLOB,
    logins INTEGER NOT NULL DEFAULT 0,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX widget_session_expiry ON widget_session (expires_at_ms);
CREATE INDEX widget_session_user ON widget_session (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE consumed_token (
    token_id BLOB NOT NULL PRIMARY KEY,
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX consumed_token_expiry ON consumed_token (expires_at_ms);

-- Logins that came back from their provider; a login's `state` works once. The outcome is JSON, and null while the login is in
-- progress. A repeated return is shown the same page.
CREATE TABLE consumed_login (
    login_id BLOB NOT NULL PRIMARY KEY,
    expires_at_ms INTEGER NOT NULL,
    outcome TEXT
) STRICT;
CREATE INDEX consumed_login_expiry ON consumed_login (expires_at_ms);

-- The latest expiry among the consumed rows that were deleted, for each kind. Nothing that expires at or before it is accepted, so a
-- clock that is set back does not make a token usable again.
CREATE TABLE consumed_watermark (
    kind TEXT NOT NULL PRIMARY KEY,
    expires_at_ms INTEGER NOT NULL
) STRICT;
INSERT INTO consumed_watermark (kind, expires_at_ms) VALUES ('login', 0), ('token', 0);

-- A URL to which the events of an environment are posted. The MAC covers all columns; a row without a valid one is not used.
CREATE TABLE destination (
    destination_id BLOB NOT NULL PRIMARY KEY,
    dev_id TEXT NOT NULL REFERENCES developer ON DELETE CASCADE,
    url TEXT NOT NULL,
    event_types TEXT,
    description TEXT,
    enabled INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    mac BLOB
) STRICT;
CREATE INDEX destination_of ON destination (dev_id, created_at_ms, destination_id);

-- A change that an app is notified of. The payload is the body, byte for byte as it is signed.
CREATE TABLE event (
    event_id BLOB NOT NULL PRIMARY KEY,
    dev_id TEXT NOT NULL REFERENCES developer ON DELETE CASCADE,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    user_id BLOB,
    reference_id TEXT,
    created_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX event_newest ON event (dev_id, event_id);
CREATE INDEX event_of_user ON event (dev_id, user_id, event_id) WHERE user_id IS NOT NULL;
CREATE INDEX event_of_reference ON event (dev_id, reference_id, event_id) WHERE reference_id IS NOT NULL;
CREATE INDEX event_created ON event (created_at_ms);

-- An event for a destination. The state is 'waiting', 'done' or 'gave_up'. A leased row is being attempted by a worker. `follows_id` is
-- the event whose delivery to the same destination must end before this one is due.
CREATE TABLE delivery (
    event_id BLOB NOT NULL REFERENCES event ON DELETE CASCADE,
    destination_id BLOB NOT NULL REFERENCES destination ON DELETE CASCADE,
    dev_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    attempted_at_ms INTEGER,
    next_attempt_at_ms INTEGER NOT NULL,
    leased INTEGER NOT NULL DEFAULT 0,
    follows_id BLOB,
    state TEXT NOT NULL,
    PRIMARY KEY (event_id, destination_id)
) STRICT;
CREATE INDEX delivery_queue ON delivery (destination_id, next_attempt_at_ms, event_id) WHERE state = 'waiting';
CREATE INDEX delivery_waiting ON delivery (dev_id) WHERE state = 'waiting';
CREATE INDEX delivery_newest ON delivery (dev_id, created_at_ms, event_id);
CREATE INDEX delivery_of_destination ON delivery (destination_id, event_id);
CREATE INDEX delivery_follows ON delivery (follows_id) WHERE follows_id IS NOT NULL;

-- An attempt to deliver an event. A duration is in milliseconds, and null if the attempt did not reach its phase.
CREATE TABLE delivery_attempt (
    event_id BLOB NOT NULL,
    destination_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    attempted_at_ms INTEGER NOT NULL,
    status INTEGER,
    error TEXT,
    response TEXT,
    dns_ms INTEGER,
    connect_ms INTEGER,
    tls_ms INTEGER,
    first_byte_ms INTEGER,
    total_ms INTEGER NOT NULL,
    PRIMARY KEY (event_id, destination_id, attempted_at_ms, number),
    FOREIGN KEY (event_id, destination_id) REFERENCES delivery ON DELETE CASCADE
) STRICT;

-- A grant that a provider is asked to revoke, also after its environment is deleted. The state is 'pending', or how it ended; status and
-- code are those of the provider's latest response. Since in_flight_since_ms a refresh of the tokens is in progress, or its result is
-- unknown.
CREATE TABLE revocation (
    user_id BLOB NOT NULL PRIMARY KEY,
    dev_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    account TEXT,
    sealed_grant BLOB,
    in_flight_since_ms INTEGER,
    reason TEXT,
    status INTEGER,
    code TEXT,
    created_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    attempted_at_ms INTEGER,
    next_attempt_at_ms INTEGER NOT NULL,
    leased INTEGER NOT NULL DEFAULT 0,
    ended_at_ms INTEGER,
    state TEXT NOT NULL
) STRICT;
CREATE INDEX revocation_queue ON revocation (provider, next_attempt_at_ms, user_id) WHERE state = 'pending';
CREATE INDEX revocation_ended ON revocation (ended_at_ms) WHERE state <> 'pending';
CREATE INDEX revocation_newest ON revocation (dev_id, created_at_ms, user_id);

-- One row for a call that must happen once, written with its change: it tells whether a change whose COMMIT got no answer was made.
CREATE TABLE receipt (
    receipt_id BLOB NOT NULL PRIMARY KEY,
    created_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX receipt_creation ON receipt (created_at_ms);

-- A webhook that a gateway received. Event ids sort by time. The state is 'waiting', 'done', 'dead' or 'kept'.
CREATE TABLE received_event (
    event_id BLOB NOT NULL PRIMARY KEY,
    trace_id TEXT UNIQUE,
    reference TEXT,
    ordering TEXT,
    kind TEXT NOT NULL,
    user_id BLOB,
    received_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at_ms INTEGER NOT NULL,
    problem TEXT,
    digest BLOB NOT NULL UNIQUE,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX received_event_due ON received_event (next_attempt_at_ms, event_id) WHERE state = 'waiting';
CREATE INDEX received_event_dead ON received_event (event_id) WHERE state = 'dead';

-- A connection at the upstream. The state is 'active', 'failing', 'revoked' or 'deauthenticated'. Connection ids sort by the time of
-- connecting.
CREATE TABLE known_connection (
    user_id BLOB NOT NULL PRIMARY KEY,
    connection_id BLOB NOT NULL,
    reference_id TEXT,
    provider TEXT NOT NULL,
    scopes TEXT,
    state TEXT NOT NULL,
    connected_at_ms INTEGER,
    changed_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX known_connection_reference ON known_connection (reference_id, connection_id)
    WHERE state <> 'deauthenticated';
CREATE INDEX known_connection_ended ON known_connection (changed_at_ms) WHERE state = 'deauthenticated';

CREATE TABLE login_failure (
    reference_id TEXT NOT NULL PRIMARY KEY,
    reason TEXT,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX login_failure_age ON login_failure (at_ms);
