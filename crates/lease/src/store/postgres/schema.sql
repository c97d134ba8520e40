CREATE TABLE IF NOT EXISTS baton_leases (
    lock text PRIMARY KEY,
    schema integer NOT NULL,
    lease text,
    record json,
    ledger text,
    tip json
);
CREATE TABLE IF NOT EXISTS baton_ledger (
    lock text NOT NULL,
    seq bigint NOT NULL,
    nonce text NOT NULL,
    at bigint NOT NULL,
    entry json NOT NULL,
    PRIMARY KEY (lock, seq)
);
CREATE INDEX IF NOT EXISTS baton_ledger_at ON baton_ledger (lock, at);
