ALTER TABLE "devices" ADD COLUMN "search" text GENERATED ALWAYS AS (lower((id || chr(10) || coalesce(hostname, '') || chr(10) || coalesce(user_name, '')) collate "default")) STORED;--> statement-breakpoint
CREATE INDEX "agents_last_active" ON "agents" USING btree ("last_active_at","device_id") WHERE device_id is not null and reason is null and last_active_at is not null;--> statement-breakpoint
CREATE INDEX "device_attributes_values" ON "device_attributes" USING gin ("values");--> statement-breakpoint
CREATE INDEX "devices_user" ON "devices" USING btree ((lower(coalesce(user_name, '') collate "default") collate "C"),"id");--> statement-breakpoint
CREATE INDEX "devices_name" ON "devices" USING btree ((lower(coalesce(nullif(hostname, ''), id) collate "default") collate "C"),"id");