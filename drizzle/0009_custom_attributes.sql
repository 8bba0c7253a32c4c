CREATE TABLE "attribute_keys" (
	"folded" text collate "C" PRIMARY KEY NOT NULL,
	"key" text collate "C" NOT NULL,
	"type" text NOT NULL,
	"devices" integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE "device_attributes" ADD COLUMN "stated" jsonb;--> statement-breakpoint
ALTER TABLE "device_attributes" ADD COLUMN "expires_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "device_attributes_expires_at" ON "device_attributes" USING btree ("expires_at") WHERE expires_at is not null;