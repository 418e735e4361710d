-- Webhooks that were received, and the connections known from them.

-- Event ids sort by time. The state is 'waiting', 'done', 'dead' or 'kept'.
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

-- The state is 'active', 'failing', 'revoked' or 'deauthenticated'. Connection ids sort by the time of connecting.
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
