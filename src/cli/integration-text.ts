// Integrations as text for people. Pure.
import { type ProviderErrorKind, providerErrorKinds } from '../errors.ts';
import type { IntegrationTest } from '../operations/integration-test.ts';
import type { IntegrationView } from '../operations/integration-view.ts';
import type { StoredError } from '../store/schema.ts';
import { counted, fields, printable, table, timeAndAge } from './output.ts';

export function integrationTable(views: readonly IntegrationView[], now: Date): string[] {
  if (views.length === 0) return ['There is no integration yet. Add one: posture-sync integration add --help'];
  return table(
    ['NAME', 'PROVIDER', 'STATE', 'AGENTS', 'MATCHED', 'LAST SUCCESS', 'URL'],
    views.map(view => [
      view.name,
      view.provider,
      view.state,
      view.status?.providerHostCount ?? null,
      view.status?.matchedCount ?? null,
      timeAndAge(view.lastSuccess, now) ?? 'never',
      view.url,
    ]),
  );
}

export function integrationLines(view: IntegrationView, now: Date): string[] {
  const { status, held } = view;
  return [
    ...fields([
      ['name', view.name],
      ['provider', view.provider],
      ['url', view.url],
      ['state', stateText(view, now)],
      ['last sync', timeAndAge(view.lastSync, now) ?? 'never'],
      ['last success', timeAndAge(view.lastSuccess, now) ?? 'never'],
      ['next sync', timeAndAge(view.nextSync, now)],
      ['running', view.run && `since ${timeAndAge(view.run.startedAt, now)} in ${view.run.worker}`],
      ['agents', status?.providerHostCount],
      ['devices matched', status && `${status.matchedCount} of ${status.possibleMatchedCount} with a serial number`],
      ['held', held && `${counted(held.devices, 'device')} would lose values, since ${timeAndAge(held.since, now)}`],
      ['values end', timeAndAge(view.evidenceExpires, now)],
      ['token expires', timeAndAge(view.tokenExpires, now)],
      ['scope', view.scope?.join(', ')],
      ['error', view.error && errorText(view.error)],
      [
        'limits',
        `values expire after ${view.expireAfter}, a sweep may take them from ${view.holdFloor} devices or ${Math.round(view.holdShare * 10_000) / 100}%`,
      ],
      ...Object.entries(view.settings)
        .filter(([name]) => name !== 'url')
        .map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : String(value)] as const),
    ]),
    ...view.warnings.map(warning => `warning: ${warning}`),
    ...nextSteps(view),
  ];
}

function stateText(view: IntegrationView, now: Date): string {
  if (view.state === 'failing') return `failing since ${timeAndAge(view.failingSince, now)}`;
  if (view.state === 'unsupported') return 'unsupported: this version cannot read the provider, so nothing is synced';
  if (view.state !== 'paused' || view.pauseReason === null || view.pauseReason === 'unsupported') return view.state;
  const until = view.pausedUntil ? `, tried again ${timeAndAge(view.pausedUntil, now)}` : '';
  const reasons = { auth: 'the credentials were refused', permission: 'permission or scope', administrator: 'by hand' };
  return `paused: ${reasons[view.pauseReason]}${until}`;
}

/** What an administrator can do about the state. */
function nextSteps({ name, state, pauseReason, held }: IntegrationView): string[] {
  if (state === 'held') {
    return [
      ...(held?.examples ?? []).map(({ device, hostname, attributes }) =>
        printable(`  ${device}${hostname ? ` (${hostname})` : ''} would lose ${attributes.join(', ')}`),
      ),
      ...(held && held.examples.length > 0 && held.devices > held.examples.length
        ? [`  and ${held.devices - held.examples.length} more`]
        : []),
      `To accept it: posture-sync sync ${name} --accept`,
    ];
  }
  if (pauseReason === 'administrator') return [`To go on: posture-sync integration resume ${name}`];
  if (pauseReason !== null && pauseReason !== 'unsupported')
    return [
      `To replace the token: posture-sync integration update ${name} < token.txt   To try again: posture-sync integration resume ${name}`,
    ];
  return [];
}

/** The message, and who must act. */
export function errorText(error: StoredError): string {
  const facts = [
    error.kind,
    ...(error.status === null ? [] : [`status ${error.status}`]),
    ...(error.code === null ? [] : [`code ${error.code}`]),
    ...(error.requestId === null ? [] : [`request ${error.requestId}`]),
  ];
  const who = error.kind in providerErrorKinds ? providerErrorKinds[error.kind as ProviderErrorKind].who : null;
  const advice = {
    administrator: ' (yours to settle)',
    nobody: ' (tried again at the next turn)',
    us: ' (please report)',
  };
  return `${error.message} [${facts.join(', ')}]${who ? advice[who] : ''}`;
}

export function testLines(result: IntegrationTest, now: Date): string[] {
  if (!result.ok)
    return [
      `${result.integration} does not work: ${result.error ? errorText(result.error) : 'no answer'}`,
      ...(result.error ? [result.error.advice] : []),
    ];
  return [
    `${result.integration} works.`,
    ...fields([
      ['agents on the first page', result.agents],
      ['agents in all', result.claimedTotal],
      ['rows skipped', result.skipped > 0 ? result.skipped : null],
      ['scope', result.scope?.join(', ')],
      ['token expires', timeAndAge(result.tokenExpires, now)],
      ['took', `${result.durationMs} ms`],
    ]),
    ...result.warnings.map(warning => `warning: ${warning}`),
  ];
}
