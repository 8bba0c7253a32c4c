ALTER TABLE "settings" ADD COLUMN "route_selection" text DEFAULT 'active-passive-failover' NOT NULL;--> statement-breakpoint
ALTER TABLE "webhooks" ADD COLUMN "modified_at" timestamp (3) with time zone;--> statement-breakpoint
UPDATE "settings" SET "route_selection" = 'regional-routing' WHERE "regional_routing_on";
