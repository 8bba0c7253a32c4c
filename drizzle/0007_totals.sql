CREATE TABLE "integration_totals" (
	"integration_id" text collate "C" NOT NULL,
	"counter" text collate "C" NOT NULL,
	"label" text collate "C" NOT NULL,
	"total" bigint NOT NULL,
	CONSTRAINT "integration_totals_integration_id_counter_label_pk" PRIMARY KEY("integration_id","counter","label")
);
--> statement-breakpoint
CREATE INDEX "agents_frozen_speaking" ON "agents" USING btree ("integration_id","frozen_at") WHERE frozen_at is not null and reason is null;