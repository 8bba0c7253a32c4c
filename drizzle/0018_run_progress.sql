ALTER TABLE "sync_runs" ADD COLUMN "phase" text;--> statement-breakpoint
ALTER TABLE "sync_runs" ADD COLUMN "claimed_total" integer;