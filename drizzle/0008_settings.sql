CREATE TABLE "settings" (
	"singleton" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"posture_identity_collection_on" boolean DEFAULT true NOT NULL,
	"acls_externally_managed_on" boolean DEFAULT false NOT NULL,
	"acls_external_link" text DEFAULT '' NOT NULL,
	"devices_approval_on" boolean DEFAULT false NOT NULL,
	"devices_auto_updates_on" boolean DEFAULT false NOT NULL,
	"devices_key_duration_days" integer DEFAULT 180 NOT NULL,
	"users_approval_on" boolean DEFAULT false NOT NULL,
	"users_role_allowed_to_join_external_tailnets" text DEFAULT 'none' NOT NULL,
	"network_flow_logging_on" boolean DEFAULT false NOT NULL,
	"regional_routing_on" boolean DEFAULT false NOT NULL,
	"https_enabled" boolean DEFAULT false NOT NULL,
	"allow_multiple_integrations" boolean DEFAULT false NOT NULL,
	CONSTRAINT "settings_one_row" CHECK ("settings"."singleton")
);
--> statement-breakpoint
-- The one row, each field as it is where nobody ever set it.
INSERT INTO "settings" DEFAULT VALUES;
