// The table of service-wide settings, for drizzle-kit and drizzle-orm like schema.ts. One row, a typed column a field: a wrong
// type never gets in, and matching reads its column within the SELECTs that match.
import { sql } from 'drizzle-orm';
import { boolean, check, integer, pgTable, text } from 'drizzle-orm/pg-core';

/** How traffic gets to a subnet that several devices lead to, as Tailscale names it. */
export type RouteSelection =
  | 'active-passive-failover'
  | 'regional-routing'
  | 'regional-routing-failover'
  | 'magicroute';

/** Fields but the last are those of Tailscale's tailnet settings; most mean nothing here, and are kept for whoever set them. */
export const settings = pgTable(
  'settings',
  {
    singleton: boolean('singleton').primaryKey().default(true),
    /** False: agents are stored, and matched to no device. */
    postureIdentityCollectionOn: boolean('posture_identity_collection_on').notNull().default(true),
    aclsExternallyManagedOn: boolean('acls_externally_managed_on').notNull().default(false),
    /** Empty: none. */
    aclsExternalLink: text('acls_external_link').notNull().default(''),
    devicesApprovalOn: boolean('devices_approval_on').notNull().default(false),
    devicesAutoUpdatesOn: boolean('devices_auto_updates_on').notNull().default(false),
    devicesKeyDurationDays: integer('devices_key_duration_days').notNull().default(180),
    usersApprovalOn: boolean('users_approval_on').notNull().default(false),
    usersRoleAllowedToJoinExternalTailnets: text('users_role_allowed_to_join_external_tailnets')
      .notNull()
      .default('none')
      .$type<'none' | 'admin' | 'member'>(),
    networkFlowLoggingOn: boolean('network_flow_logging_on').notNull().default(false),
    /** Whether `routeSelection` is `regional-routing`: the older word for it, which clients still read and write. */
    regionalRoutingOn: boolean('regional_routing_on').notNull().default(false),
    routeSelection: text('route_selection').notNull().default('active-passive-failover').$type<RouteSelection>(),
    httpsEnabled: boolean('https_enabled').notNull().default(false),
    /** Ours: whether the API adds a second integration of a provider without being asked to. */
    allowMultipleIntegrations: boolean('allow_multiple_integrations').notNull().default(false),
  },
  t => [check('settings_one_row', sql`${t.singleton}`)],
);
