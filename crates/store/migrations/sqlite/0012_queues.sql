-- Work is claimed queue by queue, so that one environment or provider never stops the others. `leased` tells a row that a
-- worker holds from one that waits for its next attempt.
ALTER TABLE delivery ADD COLUMN attempted_at_ms INTEGER;
ALTER TABLE delivery ADD COLUMN leased INTEGER NOT NULL DEFAULT 0;
DROP INDEX delivery_due;
CREATE INDEX delivery_queue ON delivery (dev_id, next_attempt_at_ms, delivery_id) WHERE state = 'waiting';

ALTER TABLE revocation ADD COLUMN leased INTEGER NOT NULL DEFAULT 0;
DROP INDEX revocation_due;
CREATE INDEX revocation_queue ON revocation (provider, next_attempt_at_ms, user_id) WHERE state = 'pending';
