CREATE INDEX "revisions_told" ON "revisions" USING btree ("at","revision") WHERE events > 0;--> statement-breakpoint
CREATE INDEX "revisions_actor" ON "revisions" USING btree ((actor ->> 'id'),"at","revision") WHERE events > 0;--> statement-breakpoint
-- The writes that have an entry of an event, found without reading the others.
CREATE INDEX audit_log_event ON audit_log (event, event_time, revision);
--> statement-breakpoint

-- Tells who looks on what was changed, whoever changes it: nobody who writes can forget it, and it is told when it is committed. The
-- same topic told again within a transaction is one notification. Large tables tell once a statement, also where it found no row;
-- small ones a row, so that what is looked through in vain all the time tells nothing.
CREATE FUNCTION tell_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  topic text;
BEGIN
  FOREACH topic IN ARRAY tg_argv LOOP
    PERFORM pg_notify('posture_sync_changed', topic);
  END LOOP;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON devices FOR EACH STATEMENT EXECUTE FUNCTION tell_changed('devices');
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON device_identifiers FOR EACH STATEMENT EXECUTE FUNCTION tell_changed('devices');
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON device_attributes FOR EACH STATEMENT EXECUTE FUNCTION tell_changed('devices');
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON agents FOR EACH STATEMENT EXECUTE FUNCTION tell_changed('devices', 'integrations');
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON withheld_values FOR EACH STATEMENT EXECUTE FUNCTION tell_changed('devices', 'integrations');
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON standings FOR EACH STATEMENT EXECUTE FUNCTION tell_changed('devices', 'policy');
--> statement-breakpoint
-- Each audited write looks whether it has notices to make, most in vain; some make very many.
CREATE FUNCTION tell_changed_some() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM changed) THEN PERFORM pg_notify('posture_sync_changed', tg_argv[0]); END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER tell_inserted AFTER INSERT ON webhook_deliveries REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_changed_some('webhooks');
--> statement-breakpoint
CREATE TRIGGER tell_updated AFTER UPDATE ON webhook_deliveries REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_changed_some('webhooks');
--> statement-breakpoint
CREATE TRIGGER tell_deleted AFTER DELETE ON webhook_deliveries REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION tell_changed_some('webhooks');
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON integrations FOR EACH ROW EXECUTE FUNCTION tell_changed('integrations');
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON sync_runs FOR EACH ROW EXECUTE FUNCTION tell_changed('runs');
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON webhooks FOR EACH ROW EXECUTE FUNCTION tell_changed('webhooks');
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON policies FOR EACH ROW EXECUTE FUNCTION tell_changed('policy');
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON api_keys FOR EACH ROW EXECUTE FUNCTION tell_changed('keys');
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON settings FOR EACH ROW EXECUTE FUNCTION tell_changed('settings');
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON placeholder_serials FOR EACH ROW EXECUTE FUNCTION tell_changed('settings');
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON tailnet_import FOR EACH ROW EXECUTE FUNCTION tell_changed('devices');
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT ON revisions FOR EACH ROW WHEN (NEW.events > 0) EXECUTE FUNCTION tell_changed('audit');
