-- Why: a stored grant that was put back to what it was once, with its version, has to be noticed;
-- and who looks into the vault has to be known. The version that an account's grant has reached is
-- kept outside its row and never goes back; openings are counted by account, purpose and hour.
-- Expand. New tables. The trigger takes a lock on `credentials` for an instant; from then on each
-- new grant writes one small row more, in its own transaction.

CREATE TABLE grant_versions (
    account_id uuid PRIMARY KEY REFERENCES accounts,
    version bigint NOT NULL
) WITH (fillfactor = 80);
INSERT INTO grant_versions (account_id, version) SELECT account_id, version FROM credentials;

CREATE FUNCTION raise_grant_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO grant_versions AS g (account_id, version) VALUES (NEW.account_id, NEW.version)
    ON CONFLICT (account_id) DO UPDATE SET version = EXCLUDED.version
        WHERE g.version < EXCLUDED.version;
    RETURN NULL;
END $$;
CREATE TRIGGER credentials_raise_grant_version AFTER INSERT OR UPDATE OF version ON credentials
    FOR EACH ROW EXECUTE FUNCTION raise_grant_version();

CREATE TABLE openings (
    -- Without REFERENCES: it counts what was opened, whatever becomes of the account.
    tenant_id uuid NOT NULL,
    account_id uuid NOT NULL,
    -- What for, as `publish` or `refresh`.
    purpose text NOT NULL CHECK (length(purpose) BETWEEN 1 AND 32),
    -- The hour it was in.
    hour timestamptz NOT NULL,
    count bigint NOT NULL CHECK (count > 0),
    PRIMARY KEY (account_id, hour, purpose)
) WITH (fillfactor = 80);
CREATE INDEX openings_by_hour ON openings (hour);
