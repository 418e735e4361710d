-- One row for a call that must happen once. It is written with the change, so it tells whether a change whose COMMIT was not
-- answered was made.
CREATE TABLE receipt (
    receipt_id BLOB NOT NULL PRIMARY KEY,
    created_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX receipt_creation ON receipt (created_at_ms);
