-- What providers post about accounts, whatever the environment: when a connection's tokens were last looked after for it.

ALTER TABLE connection ADD COLUMN noticed_at_ms BIGINT;
DROP INDEX connection_account;
CREATE INDEX connection_account ON connection (account, provider, dev_id);
