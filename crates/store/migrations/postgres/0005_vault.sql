-- The keys that seal and mark, each wrapped by a master key that is not here.

-- The purpose is 'vault' or 'marks'. A key that is not active yet is only to be known; a retired one opens what is left.
CREATE TABLE data_key (
    purpose TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    wrapped_by BYTEA NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at_ms BIGINT NOT NULL,
    activated_at_ms BIGINT,
    retired_at_ms BIGINT,
    PRIMARY KEY (purpose, number)
);
