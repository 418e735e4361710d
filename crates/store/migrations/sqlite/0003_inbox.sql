-- Webhooks that were received, and the connections known from them.

-- Event ids sort by time. The state is 'waiting', 'done', 'dead' or 'kept'.
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

-- The state is 'active', 'failing', 'revoked' or 'deauthenticated'. Connection ids sort by the time of connecting.
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
