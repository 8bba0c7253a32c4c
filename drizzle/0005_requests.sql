CREATE TABLE "requests" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "requests_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"target" text collate "C" NOT NULL,
	"requested_by" text NOT NULL,
	"requested_at" timestamp (3) with time zone NOT NULL,
	"claim" bigint,
	"started_at" timestamp (3) with time zone,
	"attempts" integer DEFAULT 0 NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"result" jsonb,
	"error" jsonb,
	"losses" jsonb
);
--> statement-breakpoint
CREATE UNIQUE INDEX "requests_open" ON "requests" USING btree ("kind","target") WHERE finished_at is null;--> statement-breakpoint
CREATE INDEX "requests_target" ON "requests" USING btree ("target","requested_at");--> statement-breakpoint
CREATE INDEX "requests_losses" ON "requests" USING btree ("requested_at") WHERE losses is not null;