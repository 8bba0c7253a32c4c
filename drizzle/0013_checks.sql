ALTER TABLE "requests" ADD COLUMN "input" jsonb;--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "secret" "bytea";--> statement-breakpoint
ALTER TABLE "requests" ADD COLUMN "secret_key_id" text;