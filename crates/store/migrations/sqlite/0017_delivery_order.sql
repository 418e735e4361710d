-- The event that a delivery follows: it falls due when that one has ended. Null for an event that follows none.
ALTER TABLE delivery ADD COLUMN follows_id BLOB;
CREATE INDEX delivery_follows ON delivery (follows_id) WHERE follows_id IS NOT NULL;
