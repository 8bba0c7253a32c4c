// The service-wide settings: read, and changed by one audited write. Those of Tailscale's tailnet settings are kept as they were
// set; of them `postureIdentityCollectionOn` means something here: off, no agent is matched and providers' values go.
import { z } from 'zod';
import { AppError } from '../errors.ts';
import type { EventCode } from '../posture/events.ts';
import { nearest } from '../posture/nearest.ts';
import type { Pool } from '../store/client.ts';
import { derive, startDerivation } from '../store/derive.ts';
import { countLosing } from '../store/integrations.ts';
import type { Losses } from '../store/losses.ts';
import type { RouteSelection } from '../store/schema-settings.ts';
import {
  providerValues,
  rematchAll,
  type Settings,
  readSettings as stored,
  updateSettings,
} from '../store/settings.ts';
import { undo, type Write, write } from '../store/write.ts';
import { causeOf, refuseUnconfirmed } from './audited.ts';
import type { Request } from './devices.ts';

const flag = z.boolean('true or false');
const roles = ['none', 'admin', 'member'] as const;
export const routeSelections = [
  'active-passive-failover',
  'regional-routing',
  'regional-routing-failover',
  'magicroute',
] as const satisfies readonly RouteSelection[];
const longestLink = 2_000;

/** Kept as it was written, so it must be text that the database takes. */
function isLink(text: string): boolean {
  if (text === '') return true;
  if (text.length > longestLink || /[\s\p{Cc}]/u.test(text) || !text.isWellFormed()) return false;
  return /^https?:$/.test(URL.parse(text)?.protocol ?? '');
}

const aLink = `an address that begins with http:// or https://, of at most ${longestLink} characters, or an empty text`;
const days = 'a whole number from 1 to 180';

/** What each field may be. */
const fields = {
  postureIdentityCollectionOn: flag,
  aclsExternallyManagedOn: flag,
  aclsExternalLink: z.string(aLink).refine(isLink, { error: aLink }),
  devicesApprovalOn: flag,
  devicesAutoUpdatesOn: flag,
  devicesKeyDurationDays: z.int(days).min(1, days).max(180, days),
  usersApprovalOn: flag,
  usersRoleAllowedToJoinExternalTailnets: z.enum(roles, `one of ${roles.join(', ')}`),
  networkFlowLoggingOn: flag,
  regionalRoutingOn: flag,
  routeSelection: z.enum(routeSelections, `one of ${routeSelections.join(', ')}`),
  httpsEnabled: flag,
  allowMultipleIntegrations: flag,
} as const satisfies Record<keyof Settings, z.ZodType>;

function nullable<T extends Readonly<Record<string, z.ZodType>>>(types: T) {
  const entries = Object.entries(types).map(([name, type]) => [name, type.nullable()]);
  return Object.fromEntries(entries) as { [Name in keyof T]: z.ZodNullable<T[Name]> };
}

/** What is absent, or null, stays as it is: some clients always send some fields, others all of them. */
export const SettingsChanges = z.strictObject(nullable(fields)).partial();

/** In the order in which they are shown. */
export const settingNames = Object.keys(fields) as readonly (keyof Settings)[];

/** A flag has two events, on and off; what is not here shares one. */
const flagEvents: Partial<Record<keyof Settings, readonly [on: EventCode, off: EventCode]>> = {
  postureIdentityCollectionOn: ['TAILNET.ENABLE.COLLECT_POSTURE_IDENTITY', 'TAILNET.DISABLE.COLLECT_POSTURE_IDENTITY'],
  devicesApprovalOn: ['TAILNET.ENABLE.MACHINE_APPROVAL_NEEDED', 'TAILNET.DISABLE.MACHINE_APPROVAL_NEEDED'],
  usersApprovalOn: ['TAILNET.ENABLE.USER_APPROVAL_REQUIRED', 'TAILNET.DISABLE.USER_APPROVAL_REQUIRED'],
  networkFlowLoggingOn: ['TAILNET.ENABLE.NETWORK_FLOW_LOGGING', 'TAILNET.DISABLE.NETWORK_FLOW_LOGGING'],
  regionalRoutingOn: ['TAILNET.ENABLE.GEOSTEERING', 'TAILNET.DISABLE.GEOSTEERING'],
  httpsEnabled: ['TAILNET.ENABLE.HTTPS', 'TAILNET.DISABLE.HTTPS'],
};

export async function readSettings(db: Pool): Promise<Settings> {
  return await stored(db);
}

/** What switching identity collection off would take now; nothing where it is off already. */
export async function lossesOfSwitchingOff(db: Pool): Promise<Losses> {
  const { postureIdentityCollectionOn } = await stored(db);
  return postureIdentityCollectionOn ? await providerValues(db) : { devices: 0, attributes: 0 };
}

/** How many devices lose values must be known to whoever switches identity collection off. */
export interface Confirmation {
  /** The number, as the asker knows it; null: not given. Where given it must be right. */
  confirm: number | null;
  /** Whether it must be given where devices lose values. Clients written for Tailscale cannot. */
  isConfirmRequired: boolean;
}

export interface SettingsChanged {
  settings: Settings;
  /** The names of what changed; none: nothing was written. */
  changed: (keyof Settings)[];
  /** What devices lost by it. */
  losses: Losses;
}

/**
 * Changes settings. Switching identity collection off takes the providers' values from all devices, and on gives them back
 * from the agents as they are known, each in this one write.
 * @param changes an object with some of the fields; what is absent or null stays
 * @throws AppError invalid naming the field; conflict naming the number of devices, where `confirm` is not that
 */
export async function changeSettings(
  request: Request,
  changes: unknown,
  { confirm, isConfirmRequired }: Confirmation,
): Promise<SettingsChanged> {
  const given = readChanges(changes);
  const by = causeOf(request, 'settings');
  const { value } = await write<SettingsChanged>(request.db, request.now, by, async w => {
    const before = await stored(w.client);
    const wanted = { ...given, ...routingOf(given, before) };
    const settings = { ...before, ...wanted };
    const changed = settingNames.filter(name => settings[name] !== before[name]);
    const none = { devices: 0, attributes: 0 };
    if (changed.length === 0) return undo({ settings, changed, losses: none });
    const isSwitched = changed.includes('postureIdentityCollectionOn');
    if (isSwitched && !settings.postureIdentityCollectionOn && (confirm !== null || isConfirmRequired))
      refuseUnconfirmed('without identity collection', await providerValues(w.client), confirm);
    await updateSettings(w.client, wanted);
    const losses = isSwitched ? await turnSwitch(w, settings.postureIdentityCollectionOn) : none;
    await tell(w, before, settings, changed, losses);
    return { settings, changed, losses };
  });
  return value;
}

/** @throws AppError invalid for the first field that is wrong */
function readChanges(changes: unknown): Partial<Settings> {
  const read = SettingsChanges.safeParse(changes);
  if (read.success)
    return Object.fromEntries(Object.entries(read.data).filter(([, value]) => value !== null && value !== undefined));
  const [issue] = read.error.issues;
  if (issue?.code === 'unrecognized_keys') {
    const [unknown = ''] = issue.keys;
    const close = nearest(unknown, settingNames);
    throw new AppError('invalid', `there is no setting "${unknown}"${close ? `; did you mean "${close}"?` : ''}`);
  }
  const [name] = issue?.path ?? [];
  throw new AppError('invalid', name === undefined ? 'settings: an object' : `${String(name)}: ${issue?.message}`);
}

/**
 * The two fields of routing say one thing, in the older word and in the newer one: whoever sets one sets the other.
 * @throws AppError invalid where they contradict one another
 */
function routingOf(
  { regionalRoutingOn: isOn, routeSelection }: Partial<Settings>,
  before: Settings,
): Pick<Settings, 'regionalRoutingOn' | 'routeSelection'> {
  const isRegional = (routeSelection ?? before.routeSelection) === 'regional-routing';
  if (routeSelection !== undefined && isOn !== undefined && isOn !== isRegional)
    throw new AppError(
      'invalid',
      `routeSelection: ${routeSelection} and regionalRoutingOn ${isOn} contradict one another`,
    );
  if (isOn === undefined || isOn === isRegional)
    return { regionalRoutingOn: isRegional, routeSelection: routeSelection ?? before.routeSelection };
  return { regionalRoutingOn: isOn, routeSelection: isOn ? 'regional-routing' : 'active-passive-failover' };
}

async function turnSwitch(w: Write, isOn: boolean): Promise<Losses> {
  await startDerivation(w.client);
  for (const { id, name } of await rematchAll(w.client, isOn))
    await w.event({ event: 'TAILNET.RELEASE.POSTURE_INTEGRATION', targetId: id, targetName: name });
  const { attributes } = await derive(w);
  return { devices: await countLosing(w.client), attributes: attributes.removed };
}

async function tell(
  w: Write,
  before: Settings,
  after: Settings,
  changed: readonly (keyof Settings)[],
  losses: Losses,
): Promise<void> {
  const part = (of: Settings, names: readonly (keyof Settings)[]) =>
    Object.fromEntries(names.map(name => [name, of[name]]));
  const entry = async (event: EventCode, names: readonly (keyof Settings)[], more: object = {}) =>
    await w.event({
      event,
      targetId: 'settings',
      targetName: null,
      old: part(before, names),
      new: { ...part(after, names), ...more },
    });
  const rest: (keyof Settings)[] = [];
  for (const name of changed) {
    const events = flagEvents[name];
    // Told along with the older word for it.
    if (name === 'routeSelection' && changed.includes('regionalRoutingOn')) continue;
    if (events)
      await entry(
        events[after[name] ? 0 : 1],
        name === 'regionalRoutingOn' ? [name, 'routeSelection'] : [name],
        losses.devices > 0 && name === 'postureIdentityCollectionOn' ? losses : {},
      );
    else if (name === 'devicesKeyDurationDays') await entry('TAILNET.UPDATE.MAX_KEY_DURATION', [name]);
    else rest.push(name);
  }
  if (rest.length > 0) await entry('TAILNET.UPDATE.SETTINGS', rest);
}
