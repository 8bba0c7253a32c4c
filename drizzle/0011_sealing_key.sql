CREATE TABLE "sealing_key" (
	"singleton" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"key_id" text NOT NULL,
	"public_key" "bytea" NOT NULL,
	"published_at" timestamp (3) with time zone NOT NULL,
	"published_by" text NOT NULL,
	CONSTRAINT "sealing_key_one_row" CHECK ("sealing_key"."singleton")
);
