-- What has become of a connection's refreshes, for whoever looks after them. A state without an instant has been so since the
-- connection was made.
ALTER TABLE connection ADD COLUMN grant_state_since_ms INTEGER;
ALTER TABLE connection ADD COLUMN refreshed_at_ms INTEGER;
ALTER TABLE connection ADD COLUMN last_error TEXT;
ALTER TABLE connection ADD COLUMN last_error_at_ms INTEGER;
