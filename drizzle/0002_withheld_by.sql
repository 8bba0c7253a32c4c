ALTER TABLE "withheld_values" ADD COLUMN "withheld_by" text collate "C";--> statement-breakpoint
UPDATE "withheld_values" SET "withheld_by" = "integration_id";--> statement-breakpoint
ALTER TABLE "withheld_values" ALTER COLUMN "withheld_by" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "withheld_values" DROP CONSTRAINT "withheld_values_device_id_source_pk";--> statement-breakpoint
ALTER TABLE "withheld_values" ADD CONSTRAINT "withheld_values_pk" PRIMARY KEY("device_id","source","withheld_by","integration_id","agent_id","confirmed_at");--> statement-breakpoint
CREATE INDEX "withheld_values_withheld_by" ON "withheld_values" USING btree ("withheld_by");
