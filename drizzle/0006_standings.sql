CREATE TABLE "standings" (
	"device_id" text collate "C" NOT NULL,
	"posture" text collate "C" NOT NULL,
	"state" text NOT NULL,
	"since" timestamp (3) with time zone NOT NULL,
	"reasons" jsonb NOT NULL,
	"awaits_sweep" boolean NOT NULL,
	"valid_until" timestamp (3) with time zone,
	"revision" bigint NOT NULL,
	CONSTRAINT "standings_device_id_posture_pk" PRIMARY KEY("device_id","posture")
);
--> statement-breakpoint
CREATE TABLE "standings_progress" (
	"singleton" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"revision" bigint NOT NULL,
	"policy_revision" bigint,
	"is_policy_readable" boolean NOT NULL,
	"swept" jsonb NOT NULL,
	"waiting" integer NOT NULL,
	"at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "standings_posture" ON "standings" USING btree ("posture","state","device_id");--> statement-breakpoint
CREATE INDEX "standings_valid_until" ON "standings" USING btree ("valid_until") WHERE valid_until is not null;--> statement-breakpoint
CREATE INDEX "standings_awaits_sweep" ON "standings" USING btree ("device_id") WHERE awaits_sweep;