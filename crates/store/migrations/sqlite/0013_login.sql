-- Logins that came back from their provider. A login's `state` works once. The outcome is null while the login is under way,
-- and JSON afterwards, so that a second arrival is shown the same page.
CREATE TABLE spent_flow (
    flow_id BLOB NOT NULL PRIMARY KEY,
    expires_at_ms INTEGER NOT NULL,
    outcome TEXT
) STRICT;
CREATE INDEX spent_flow_expiry ON spent_flow (expires_at_ms);

-- The latest expiry among the spent rows that were deleted, for each kind. Nothing that expires at or before it is accepted:
-- a clock that goes back does not bring a spent token back.
CREATE TABLE spent_watermark (
    kind TEXT NOT NULL PRIMARY KEY,
    expires_at_ms INTEGER NOT NULL
) STRICT;
INSERT INTO spent_watermark (kind, expires_at_ms) VALUES ('flow', 0), ('token', 0);

-- How many logins of a session came back.
ALTER TABLE widget_session ADD COLUMN logins INTEGER NOT NULL DEFAULT 0;
UPDATE widget_session SET state = 'open' WHERE state = 'at_provider';
