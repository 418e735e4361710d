-- What has become of a connection's refreshes, for whoever looks after them. A state without an instant has been so since the
-- connection was made.
ALTER TABLE connection ADD COLUMN grant_state_since_ms BIGINT;
ALTER TABLE connection ADD COLUMN refreshed_at_ms BIGINT;
ALTER TABLE connection ADD COLUMN last_error TEXT COLLATE "C";
ALTER TABLE connection ADD COLUMN last_error_at_ms BIGINT;
