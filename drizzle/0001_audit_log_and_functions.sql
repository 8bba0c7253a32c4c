-- What drizzle-kit cannot generate: the head row, the append-only audit log in monthly partitions, and small functions.

INSERT INTO head (singleton, revision, at) VALUES (true, 0, 'epoch');
--> statement-breakpoint
ALTER TABLE head ADD CONSTRAINT head_one_row CHECK (singleton);
--> statement-breakpoint

-- One entry a row; all entries of a revision share its time, so (event_time, revision, n) is the order of the log.
CREATE TABLE audit_log (
  revision bigint NOT NULL,
  n integer NOT NULL,
  event_time timestamptz(3) NOT NULL,
  event text NOT NULL,
  origin text NOT NULL,
  actor jsonb NOT NULL,
  target_type text NOT NULL,
  target_id text COLLATE "C" NOT NULL,
  target_name text,
  target_property text,
  action text NOT NULL,
  old jsonb,
  new jsonb,
  details text,
  error text,
  PRIMARY KEY (event_time, revision, n)
) PARTITION BY RANGE (event_time);
--> statement-breakpoint
CREATE INDEX audit_log_target ON audit_log (target_id, event_time);
--> statement-breakpoint
CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only: % refused', tg_op USING ERRCODE = 'insufficient_privilege';
END $$;
--> statement-breakpoint
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_refuse();
--> statement-breakpoint
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();
--> statement-breakpoint

-- Makes sure that the month of a time has its partition. Row triggers are inherited, TRUNCATE triggers are not. Of sessions
-- that ask at once those that waited for the lock look with a new snapshot: to_regclass() goes by this session's cache of
-- the catalogue, which may not have heard yet of what another one made.
CREATE FUNCTION audit_log_ensure_month(at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  first timestamp := date_trunc('month', at AT TIME ZONE 'UTC');
  name text := 'audit_log_' || to_char(first, 'YYYY_MM');
BEGIN
  IF to_regclass(name) IS NOT NULL THEN RETURN; END IF;
  PERFORM pg_advisory_xact_lock(hashtext('audit_log_ensure_month'));
  IF EXISTS (
    SELECT FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid WHERE h.inhparent = 'audit_log'::regclass AND c.relname = name
  ) THEN RETURN; END IF;
  EXECUTE format('CREATE TABLE %I PARTITION OF audit_log FOR VALUES FROM (%L) TO (%L)', name,
    first AT TIME ZONE 'UTC', (first + interval '1 month') AT TIME ZONE 'UTC');
  EXECUTE format('CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse()', name);
END $$;
