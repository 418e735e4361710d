-- What became of revocations.

-- The state is 'pending', or how it ended; the answer is the provider's last one, never more of it than its status and
-- code. Since in_flight_since_ms a refresh of the tokens is under way, or has ended without anybody knowing how.
DROP INDEX revocation_due;
DROP INDEX revocation_ended;
ALTER TABLE revocation ADD COLUMN reason TEXT COLLATE "C";
ALTER TABLE revocation ADD COLUMN status BIGINT;
ALTER TABLE revocation ADD COLUMN code TEXT COLLATE "C";
ALTER TABLE revocation ADD COLUMN attempted_at_ms BIGINT;
ALTER TABLE revocation ADD COLUMN ended_at_ms BIGINT;
ALTER TABLE revocation ADD COLUMN in_flight_since_ms BIGINT;
UPDATE revocation SET ended_at_ms = created_at_ms WHERE state <> 'waiting';
UPDATE revocation
SET state = CASE state WHEN 'waiting' THEN 'pending' WHEN 'done' THEN 'confirmed' ELSE 'given_up' END;
CREATE INDEX revocation_due ON revocation (next_attempt_at_ms, user_id) WHERE state = 'pending';
CREATE INDEX revocation_ended ON revocation (ended_at_ms) WHERE state <> 'pending';
CREATE INDEX revocation_newest ON revocation (dev_id, created_at_ms, user_id);
