-- An HMAC over all columns of a row that grants something. A row without the right mark is not loaded.
ALTER TABLE admin_token ADD COLUMN mark BLOB;
ALTER TABLE api_key ADD COLUMN mark BLOB;
ALTER TABLE developer ADD COLUMN mark BLOB;
ALTER TABLE provider_app ADD COLUMN mark BLOB;

-- The line of the audit log that says since when rows are marked; null before that.
CREATE TABLE row_marks (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    seq INTEGER
) STRICT;
INSERT INTO row_marks (id, seq) VALUES (1, NULL);

-- The id of the admin token or API key that acted; null for the machine itself, and in older lines.
ALTER TABLE audit_record ADD COLUMN actor_id BLOB;
