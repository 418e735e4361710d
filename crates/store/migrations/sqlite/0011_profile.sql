-- The profile of its recipe that an operator's app uses, where a provider treats apps in different ways.
ALTER TABLE provider_app ADD COLUMN profile TEXT;
-- Since when refreshed tokens wait for the call that makes their provider revoke the tokens before them.
ALTER TABLE connection ADD COLUMN unconfirmed_since_ms INTEGER;
