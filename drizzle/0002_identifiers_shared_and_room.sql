CREATE INDEX "device_identifiers_shared" ON "device_identifiers" USING btree ("identifier") WHERE problem = 'serial_on_several_devices';--> statement-breakpoint
-- Room on each page for the next version of a row: then an update that changes no indexed column leaves the indexes alone.
ALTER TABLE agents SET (fillfactor = 85);
--> statement-breakpoint
ALTER TABLE device_attributes SET (fillfactor = 85);
