-- How the refreshing of a connection's tokens stands.

-- Leases are numbered; the tokens carry the number of the lease under which they came. Rows without expires_at_ms have
-- not been looked at yet, and are due for that. The state is 'fine', 'failing', 'needs_consent' or 'revoked'.
ALTER TABLE connection ADD COLUMN token_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connection ADD COLUMN expires_at_ms BIGINT;
ALTER TABLE connection ADD COLUMN refresh_at_ms BIGINT;
ALTER TABLE connection ADD COLUMN lease BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connection ADD COLUMN lease_until_ms BIGINT;
ALTER TABLE connection ADD COLUMN in_flight_since_ms BIGINT;
ALTER TABLE connection ADD COLUMN refresh_failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE connection ADD COLUMN error_told_at_ms BIGINT;
ALTER TABLE connection ADD COLUMN grant_state TEXT COLLATE "C" NOT NULL DEFAULT 'fine';
UPDATE connection SET refresh_at_ms = created_at_ms WHERE sealed_grant IS NOT NULL;
CREATE INDEX connection_refresh ON connection (provider, refresh_at_ms, user_id) WHERE refresh_at_ms IS NOT NULL;

-- Some providers want to be told whose grant it is.
ALTER TABLE revocation ADD COLUMN account TEXT COLLATE "C";
