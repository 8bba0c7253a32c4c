CREATE TABLE "overview_samples" (
	"step_at" timestamp (3) with time zone PRIMARY KEY NOT NULL,
	"sampled_at" timestamp (3) with time zone NOT NULL,
	"fresh_within_ms" integer NOT NULL,
	"devices" integer NOT NULL,
	"fresh" integer NOT NULL,
	"stale" integer NOT NULL,
	"oldest_evidence_at" timestamp (3) with time zone,
	"postures" jsonb,
	"integrations" jsonb NOT NULL
);
