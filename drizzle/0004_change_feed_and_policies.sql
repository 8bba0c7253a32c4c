CREATE TABLE "policies" (
	"revision" bigint PRIMARY KEY NOT NULL,
	"text" text NOT NULL,
	"hash" text NOT NULL,
	"applied_at" timestamp (3) with time zone NOT NULL,
	"actor" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "removed_devices" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"revision" bigint NOT NULL,
	"removed_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "device_attributes" ADD COLUMN "observed_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "device_attributes" ADD COLUMN "frozen_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "device_attributes" ADD COLUMN "withheld" jsonb;--> statement-breakpoint
ALTER TABLE "devices" ADD COLUMN "revision" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "head" ADD COLUMN "forgotten_revision" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "device_attributes_revision" ON "device_attributes" USING btree ("revision");--> statement-breakpoint
CREATE INDEX "devices_revision" ON "devices" USING btree ("revision");
--> statement-breakpoint
-- What is derived from now on, for the rows that are there.
UPDATE device_attributes d SET observed_at = a.observed_at, frozen_at = a.frozen_at
FROM agents a WHERE a.integration_id = d.integration_id AND a.agent_id = d.agent_id AND a.device_id = d.device_id AND a.reason IS NULL AND d.values <> '{}';
--> statement-breakpoint
UPDATE device_attributes d SET withheld = w.withheld FROM (
  SELECT v.device_id, v.source, jsonb_object_agg(k, jsonb_build_object('integration', v.integration_id, 'confirmedAt', v.confirmed_at)) AS withheld
  FROM withheld_values v, jsonb_object_keys(v.values) k GROUP BY v.device_id, v.source
) w WHERE w.device_id = d.device_id AND w.source = d.source AND d.values <> '{}';
