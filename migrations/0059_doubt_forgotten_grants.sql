-- Why: a database that went back knows refresh tokens that may have been used since, and a
-- platform that takes each once answers them with a refusal. Such a refusal is about the token, not
-- about the platform, and they are presented one after the other.
-- Expand. A column without a default: `credentials` is locked for an instant.

-- When the database went back past this grant's last known renewal; a new grant takes it away.
ALTER TABLE credentials ADD COLUMN forgotten_at timestamptz;
CREATE INDEX credentials_forgotten ON credentials (forgotten_at) WHERE forgotten_at IS NOT NULL;
