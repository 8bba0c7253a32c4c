CREATE TABLE "tailnet_import" (
	"singleton" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"url" text NOT NULL,
	"since" timestamp (3) with time zone NOT NULL,
	"attempted_at" timestamp (3) with time zone NOT NULL,
	"succeeded_at" timestamp (3) with time zone,
	"failing_since" timestamp (3) with time zone,
	"error" jsonb,
	"result" jsonb,
	CONSTRAINT "tailnet_import_one_row" CHECK ("tailnet_import"."singleton")
);
