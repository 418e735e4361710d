-- An HMAC over all columns of a row that grants something. A row without the right mark is not loaded.
ALTER TABLE admin_token ADD COLUMN mark BYTEA;
ALTER TABLE api_key ADD COLUMN mark BYTEA;
ALTER TABLE developer ADD COLUMN mark BYTEA;
ALTER TABLE provider_app ADD COLUMN mark BYTEA;

-- The line of the audit log that says since when rows are marked; null before that.
CREATE TABLE row_marks (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq BIGINT
);
INSERT INTO row_marks (id, seq) VALUES (1, NULL);

-- The id of the admin token or API key that acted; null for the machine itself, and in older lines.
ALTER TABLE audit_record ADD COLUMN actor_id BYTEA;
