CREATE TABLE "agents" (
	"integration_id" text collate "C" NOT NULL,
	"agent_id" text collate "C" NOT NULL,
	"hostname" text,
	"identifiers" text[] NOT NULL,
	"serials" text[] NOT NULL,
	"active" boolean,
	"registered_at" timestamp (3) with time zone,
	"last_active_at" timestamp (3) with time zone,
	"values" jsonb NOT NULL,
	"moving" jsonb NOT NULL,
	"observed_at" timestamp (3) with time zone NOT NULL,
	"frozen_at" timestamp (3) with time zone,
	"gone_reason" text,
	"gone_at" timestamp (3) with time zone,
	"bound_device_id" text collate "C",
	"device_id" text collate "C",
	"reason" text,
	CONSTRAINT "agents_integration_id_agent_id_pk" PRIMARY KEY("integration_id","agent_id")
);
--> statement-breakpoint
CREATE TABLE "device_attributes" (
	"device_id" text collate "C" NOT NULL,
	"source" text NOT NULL,
	"values" jsonb NOT NULL,
	"integration_id" text collate "C",
	"agent_id" text collate "C",
	"revision" bigint NOT NULL,
	"changed_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "device_attributes_device_id_source_pk" PRIMARY KEY("device_id","source")
);
--> statement-breakpoint
CREATE TABLE "device_identifiers" (
	"device_id" text collate "C" NOT NULL,
	"identifier" text collate "C" NOT NULL,
	"source" text NOT NULL,
	"raw" text NOT NULL,
	"problem" text,
	CONSTRAINT "device_identifiers_device_id_identifier_source_pk" PRIMARY KEY("device_id","identifier","source")
);
--> statement-breakpoint
CREATE TABLE "devices" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"hostname" text,
	"user_name" text,
	"os" text,
	"tags" text[] DEFAULT '{}' NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "head" (
	"singleton" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"revision" bigint NOT NULL,
	"at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "integrations" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"provider" text NOT NULL,
	"settings" jsonb NOT NULL,
	"secret" "bytea" NOT NULL,
	"secret_key_id" text NOT NULL,
	"settings_version" integer DEFAULT 1 NOT NULL,
	"config_updated_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"next_sync_at" timestamp (3) with time zone NOT NULL,
	"pause_reason" text,
	"paused_until" timestamp (3) with time zone,
	"hurried" boolean DEFAULT false NOT NULL,
	"attempted_at" timestamp (3) with time zone,
	"succeeded_at" timestamp (3) with time zone,
	"failing_since" timestamp (3) with time zone,
	"error" jsonb,
	"swept_at" timestamp (3) with time zone,
	"judged_at" timestamp (3) with time zone,
	"expire_after_ms" bigint,
	"evidence_warned" integer,
	"hold_floor" integer NOT NULL,
	"hold_share" double precision NOT NULL,
	"held_devices" integer,
	"held_since" timestamp (3) with time zone,
	"accepted_losses" integer,
	"accepted_until" timestamp (3) with time zone,
	"scope" jsonb,
	"token_expires_at" timestamp (3) with time zone,
	"token_warned" integer,
	CONSTRAINT "integrations_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "placeholder_serials" (
	"value" text collate "C" PRIMARY KEY NOT NULL,
	"raw" text NOT NULL,
	"source" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "revisions" (
	"revision" bigint PRIMARY KEY NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"actor" jsonb NOT NULL,
	"cause" text NOT NULL,
	"run_id" bigint,
	"events" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sync_runs" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "sync_runs_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"integration_id" text collate "C" NOT NULL,
	"worker" text NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"progress_at" timestamp (3) with time zone NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"outcome" text,
	"complete" boolean DEFAULT false NOT NULL,
	"pages" integer DEFAULT 0 NOT NULL,
	"agents" integer DEFAULT 0 NOT NULL,
	"skipped" integer DEFAULT 0 NOT NULL,
	"matched" integer DEFAULT 0 NOT NULL,
	"unmatched" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"unset" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"attributes_set" integer DEFAULT 0 NOT NULL,
	"attributes_changed" integer DEFAULT 0 NOT NULL,
	"attributes_removed" integer DEFAULT 0 NOT NULL,
	"attributes_withheld" integer DEFAULT 0 NOT NULL,
	"lost_devices" integer DEFAULT 0 NOT NULL,
	"losses_accepted" boolean DEFAULT false NOT NULL,
	"events" integer DEFAULT 0 NOT NULL,
	"revision" bigint,
	"error" jsonb,
	"duration_ms" integer,
	"head_ms" integer
);
--> statement-breakpoint
CREATE TABLE "withheld_values" (
	"device_id" text collate "C" NOT NULL,
	"source" text NOT NULL,
	"integration_id" text collate "C" NOT NULL,
	"agent_id" text collate "C" NOT NULL,
	"withheld_by" text collate "C" NOT NULL,
	"values" jsonb NOT NULL,
	"confirmed_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "withheld_values_pk" PRIMARY KEY("device_id","source","withheld_by","integration_id","agent_id","confirmed_at")
);
--> statement-breakpoint
ALTER TABLE "device_identifiers" ADD CONSTRAINT "device_identifiers_device_id_devices_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."devices"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "agents_device" ON "agents" USING btree ("device_id") WHERE device_id is not null;--> statement-breakpoint
CREATE INDEX "agents_identifier" ON "agents" USING btree (((identifiers[1]) collate "C"));--> statement-breakpoint
CREATE INDEX "agents_identifiers" ON "agents" USING gin ("identifiers") WHERE cardinality(identifiers) > 1;--> statement-breakpoint
CREATE INDEX "agents_frozen" ON "agents" USING btree ("integration_id") WHERE frozen_at is not null;--> statement-breakpoint
CREATE INDEX "agents_gone" ON "agents" USING btree ("integration_id") WHERE gone_reason is not null;--> statement-breakpoint
CREATE INDEX "agents_bound" ON "agents" USING btree ("bound_device_id") WHERE bound_device_id is not null;--> statement-breakpoint
CREATE INDEX "device_identifiers_identifier" ON "device_identifiers" USING btree ("identifier");--> statement-breakpoint
CREATE UNIQUE INDEX "device_identifiers_matching" ON "device_identifiers" USING btree ("identifier") WHERE problem is null;--> statement-breakpoint
CREATE UNIQUE INDEX "device_identifiers_manual" ON "device_identifiers" USING btree ("identifier") WHERE source = 'manual';--> statement-breakpoint
CREATE INDEX "devices_created" ON "devices" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "sync_runs_integration" ON "sync_runs" USING btree ("integration_id","id");--> statement-breakpoint
CREATE INDEX "withheld_values_withheld_by" ON "withheld_values" USING btree ("withheld_by");--> statement-breakpoint
CREATE INDEX "withheld_values_integration" ON "withheld_values" USING btree ("integration_id");