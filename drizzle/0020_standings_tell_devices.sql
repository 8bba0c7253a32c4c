-- How devices stand is shown with devices. Told as the policy too, everything of the policy was asked anew each second while devices are
-- judged: its text, its history, what is wrong with a draft, and what a loss that is held would take.
DROP TRIGGER tell_changed ON standings;
--> statement-breakpoint
CREATE TRIGGER tell_changed AFTER INSERT OR UPDATE OR DELETE ON standings FOR EACH STATEMENT EXECUTE FUNCTION tell_changed('devices');
