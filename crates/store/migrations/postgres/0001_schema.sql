-- Instants are Unix milliseconds, ids 16 bytes, lists and requests JSON. Text sorts by its bytes, as in SQLite.

-- An environment. The three columns of a retiring secret are null unless one signing secret replaces another. The status is
-- 'active', 'disabled' or 'deleting'. The MAC covers all columns; a row without a valid one is not loaded.
CREATE TABLE developer (
    dev_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    environment TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    logo_url TEXT COLLATE "C",
    accent TEXT COLLATE "C",
    user_limit BIGINT,
    providers TEXT COLLATE "C",
    redirect_allow_list TEXT COLLATE "C" NOT NULL,
    signing_secret BYTEA NOT NULL,
    retiring_secret BYTEA,
    retiring_until_ms BIGINT,
    sign_with TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL DEFAULT 'active',
    keep_user_id BIGINT NOT NULL DEFAULT 0,
    bound_tokens_only BIGINT NOT NULL DEFAULT 0,
    created_at_ms BIGINT NOT NULL,
    mac BYTEA
);

CREATE TABLE api_key (
    key_id BYTEA NOT NULL PRIMARY KEY,
    dev_id TEXT COLLATE "C" NOT NULL REFERENCES developer ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    hint TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL UNIQUE,
    scopes TEXT COLLATE "C" NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT,
    last_used_at_ms BIGINT,
    mac BYTEA
);
CREATE INDEX api_key_of ON api_key (dev_id, created_at_ms, key_id);

CREATE TABLE admin_token (
    token_id BYTEA NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL UNIQUE,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT,
    mac BYTEA
);

-- Increases with every change of environments, keys, admin tokens and provider apps, so that other nodes see it.
CREATE TABLE revision (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    revision BIGINT NOT NULL
);
INSERT INTO revision (id, revision) VALUES (1, 0);

-- The actor's id is that of an admin token or API key; null for the process itself.
CREATE TABLE audit_record (
    seq BIGINT NOT NULL PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    actor_id BYTEA,
    origin TEXT COLLATE "C",
    action TEXT COLLATE "C" NOT NULL,
    dev_id TEXT COLLATE "C",
    target TEXT COLLATE "C" NOT NULL,
    allowed BIGINT NOT NULL,
    mac BYTEA NOT NULL
);

-- The end of the log. A unit that appends locks this row, so no two entries follow the same one.
CREATE TABLE audit_head (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
INSERT INTO audit_head (id, seq, mac) VALUES (1, 0, decode(repeat('00', 32), 'hex'));

-- The audit entry that says since when rows have MACs; null before that.
CREATE TABLE row_macs (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq BIGINT
);
INSERT INTO row_macs (id, seq) VALUES (1, NULL);

-- The operators' apps at the providers. There is no foreign key: grants are revoked after their environment is deleted, with its app.
-- The columns of the previous secret are null unless one secret replaces another. Headers are names, as a JSON list; their values are
-- in the secret. The profile is one of the provider's recipe.
CREATE TABLE provider_app (
    dev_id TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    profile TEXT COLLATE "C",
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
    mac BYTEA,
    PRIMARY KEY (dev_id, provider)
);

-- The keys that encrypt and compute MACs, each wrapped by a master key that is not in the store. The purpose is 'vault' or 'mac'. A key
-- without an activation is announced to the nodes and not used yet; a retired one only decrypts.
CREATE TABLE data_key (
    purpose TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    wrapped_by BYTEA NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at_ms BIGINT NOT NULL,
    activated_at_ms BIGINT,
    retired_at_ms BIGINT,
    PRIMARY KEY (purpose, number)
);

-- A connection and its tokens. Leases are numbered; the tokens have the number of the lease under which they came. The state of the
-- grant is 'fine', 'failing', 'needs_consent' or 'revoked'. A connection does not go with its environment: its grant is revoked first.
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
    token_version BIGINT NOT NULL DEFAULT 0,
    expires_at_ms BIGINT,
    refresh_at_ms BIGINT,
    lease BIGINT NOT NULL DEFAULT 0,
    lease_until_ms BIGINT,
    in_flight_since_ms BIGINT,
    unconfirmed_since_ms BIGINT,
    refresh_failures BIGINT NOT NULL DEFAULT 0,
    refreshed_at_ms BIGINT,
    last_error TEXT COLLATE "C",
    last_error_at_ms BIGINT,
    error_reported_at_ms BIGINT,
    grant_state TEXT COLLATE "C" NOT NULL DEFAULT 'fine',
    grant_state_since_ms BIGINT,
    notified_at_ms BIGINT,
    PRIMARY KEY (dev_id, user_id)
);
CREATE INDEX connection_account ON connection (account, provider, dev_id);
CREATE INDEX connection_reference ON connection (dev_id, reference_id, created_at_ms, user_id)
    WHERE reference_id IS NOT NULL;
CREATE INDEX connection_refresh ON connection (provider, refresh_at_ms, user_id) WHERE refresh_at_ms IS NOT NULL;

-- The number of an environment's connections, so that no query counts a million rows. It has parts, so writers rarely wait for each
-- other.
CREATE TABLE connection_count (
    dev_id TEXT COLLATE "C" NOT NULL REFERENCES developer ON DELETE CASCADE,
    part BIGINT NOT NULL,
    connections BIGINT NOT NULL,
    PRIMARY KEY (dev_id, part)
);

CREATE TABLE widget_session (
    session_id BYTEA NOT NULL PRIMARY KEY,
    dev_id TEXT COLLATE "C" NOT NULL REFERENCES developer ON DELETE CASCADE,
    secret_digest BYTEA NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    user_id BYTEA,
    logins BIGINT NOT NULL DEFAULT 0,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX widget_session_expiry ON widget_session (expires_at_ms);
CREATE INDEX widget_session_user ON widget_session (user_id) WHERE user_id IS NOT NULL;

CREATE TABLE consumed_token (
    token_id BYTEA NOT NULL PRIMARY KEY,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX consumed_token_expiry ON consumed_token (expires_at_ms);

-- Logins that came back from their provider; a login's `state` works once. The outcome is JSON, and null while the login is in
-- progress. A repeated return is shown the same page.
CREATE TABLE consumed_login (
    login_id BYTEA NOT NULL PRIMARY KEY,
    expires_at_ms BIGINT NOT NULL,
    outcome TEXT COLLATE "C"
);
CREATE INDEX consumed_login_expiry ON consumed_login (expires_at_ms);

-- The latest expiry among the consumed rows that were deleted, for each kind. Nothing that expires at or before it is accepted, so a
-- clock that is set back does not make a token usable again.
CREATE TABLE consumed_watermark (
    kind TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    expires_at_ms BIGINT NOT NULL
);
INSERT INTO consumed_watermark (kind, expires_at_ms) VALUES ('login', 0), ('token', 0);

-- A URL to which the events of an environment are posted. The MAC covers all columns; a row without a valid one is not used.
CREATE TABLE destination (
    destination_id BYTEA NOT NULL PRIMARY KEY,
    dev_id TEXT COLLATE "C" NOT NULL REFERENCES developer ON DELETE CASCADE,
    url TEXT COLLATE "C" NOT NULL,
    event_types TEXT COLLATE "C",
    description TEXT COLLATE "C",
    enabled BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    mac BYTEA
);
CREATE INDEX destination_of ON destination (dev_id, created_at_ms, destination_id);

-- A change that an app is notified of. The payload is the body, byte for byte as it is signed.
CREATE TABLE event (
    event_id BYTEA NOT NULL PRIMARY KEY,
    dev_id TEXT COLLATE "C" NOT NULL REFERENCES developer ON DELETE CASCADE,
    kind TEXT COLLATE "C" NOT NULL,
    payload TEXT COLLATE "C" NOT NULL,
    user_id BYTEA,
    reference_id TEXT COLLATE "C",
    created_at_ms BIGINT NOT NULL
);
CREATE INDEX event_newest ON event (dev_id, event_id);
CREATE INDEX event_of_user ON event (dev_id, user_id, event_id) WHERE user_id IS NOT NULL;
CREATE INDEX event_of_reference ON event (dev_id, reference_id, event_id) WHERE reference_id IS NOT NULL;
CREATE INDEX event_created ON event (created_at_ms);

-- An event for a destination. The state is 'waiting', 'done' or 'gave_up'. A leased row is being attempted by a worker. `follows_id` is
-- the event whose delivery to the same destination must end before this one is due.
CREATE TABLE delivery (
    event_id BYTEA NOT NULL REFERENCES event ON DELETE CASCADE,
    destination_id BYTEA NOT NULL REFERENCES destination ON DELETE CASCADE,
    dev_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    created_at_ms BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    attempted_at_ms BIGINT,
    next_attempt_at_ms BIGINT NOT NULL,
    leased BIGINT NOT NULL DEFAULT 0,
    follows_id BYTEA,
    state TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (event_id, destination_id)
);
CREATE INDEX delivery_queue ON delivery (destination_id, next_attempt_at_ms, event_id) WHERE state = 'waiting';
CREATE INDEX delivery_waiting ON delivery (dev_id) WHERE state = 'waiting';
CREATE INDEX delivery_newest ON delivery (dev_id, created_at_ms, event_id);
CREATE INDEX delivery_of_destination ON delivery (destination_id, event_id);
CREATE INDEX delivery_follows ON delivery (follows_id) WHERE follows_id IS NOT NULL;

-- An attempt to deliver an event. A duration is in milliseconds, and null if the attempt did not reach its phase.
CREATE TABLE delivery_attempt (
    event_id BYTEA NOT NULL,
    destination_id BYTEA NOT NULL,
    number BIGINT NOT NULL,
    attempted_at_ms BIGINT NOT NULL,
    status BIGINT,
    error TEXT COLLATE "C",
    response TEXT COLLATE "C",
    dns_ms BIGINT,
    connect_ms BIGINT,
    tls_ms BIGINT,
    first_byte_ms BIGINT,
    total_ms BIGINT NOT NULL,
    PRIMARY KEY (event_id, destination_id, attempted_at_ms, number),
    FOREIGN KEY (event_id, destination_id) REFERENCES delivery ON DELETE CASCADE
);

-- A grant that a provider is asked to revoke, also after its environment is deleted. The state is 'pending', or how it ended; status and
-- code are those of the provider's latest response. Since in_flight_since_ms a refresh of the tokens is in progress, or its result is
-- unknown.
CREATE TABLE revocation (
    user_id BYTEA NOT NULL PRIMARY KEY,
    dev_id TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C",
    sealed_grant BYTEA,
    in_flight_since_ms BIGINT,
    reason TEXT COLLATE "C",
    status BIGINT,
    code TEXT COLLATE "C",
    created_at_ms BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    attempted_at_ms BIGINT,
    next_attempt_at_ms BIGINT NOT NULL,
    leased BIGINT NOT NULL DEFAULT 0,
    ended_at_ms BIGINT,
    state TEXT COLLATE "C" NOT NULL
);
CREATE INDEX revocation_queue ON revocation (provider, next_attempt_at_ms, user_id) WHERE state = 'pending';
CREATE INDEX revocation_ended ON revocation (ended_at_ms) WHERE state <> 'pending';
CREATE INDEX revocation_newest ON revocation (dev_id, created_at_ms, user_id);

-- One row for a call that must happen once, written with its change: it tells whether a change whose COMMIT got no answer was made.
CREATE TABLE receipt (
    receipt_id BYTEA NOT NULL PRIMARY KEY,
    created_at_ms BIGINT NOT NULL
);
CREATE INDEX receipt_creation ON receipt (created_at_ms);

-- A webhook that a gateway received. Event ids sort by time. The state is 'waiting', 'done', 'dead' or 'kept'.
CREATE TABLE received_event (
    event_id BYTEA NOT NULL PRIMARY KEY,
    trace_id TEXT COLLATE "C" UNIQUE,
    reference TEXT COLLATE "C",
    ordering TEXT COLLATE "C",
    kind TEXT COLLATE "C" NOT NULL,
    user_id BYTEA,
    received_at_ms BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at_ms BIGINT NOT NULL,
    problem TEXT COLLATE "C",
    digest BYTEA NOT NULL UNIQUE,
    body BYTEA NOT NULL
);
CREATE INDEX received_event_due ON received_event (next_attempt_at_ms, event_id) WHERE state = 'waiting';
CREATE INDEX received_event_dead ON received_event (event_id) WHERE state = 'dead';

-- A connection at the upstream. The state is 'active', 'failing', 'revoked' or 'deauthenticated'. Connection ids sort by the time of
-- connecting.
CREATE TABLE known_connection (
    user_id BYTEA NOT NULL PRIMARY KEY,
    connection_id BYTEA NOT NULL,
    reference_id TEXT COLLATE "C",
    provider TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    connected_at_ms BIGINT,
    changed_at_ms BIGINT NOT NULL
);
CREATE INDEX known_connection_reference ON known_connection (reference_id, connection_id)
    WHERE state <> 'deauthenticated';
CREATE INDEX known_connection_ended ON known_connection (changed_at_ms) WHERE state = 'deauthenticated';

CREATE TABLE login_failure (
    reference_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    reason TEXT COLLATE "C",
    at_ms BIGINT NOT NULL
);
CREATE INDEX login_failure_age ON login_failure (at_ms);
