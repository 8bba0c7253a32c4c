// Every fault that the simulator knows, from a console over real HTTP through the provider to the database: none takes a
// value away, each is told as what it is, and once it is over all is as if it had never been.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProviderErrorKind } from '../../src/errors.ts';
import { createEgress, type Egress } from '../../src/providers/http.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { providerOf } from '../../src/providers/registry.ts';
import { noChurn } from '../../src/simulator/churn.ts';
import { type FaultName, type FaultOptions, faultNames } from '../../src/simulator/faults.ts';
import { inventory } from '../../src/simulator/inventory.ts';
import { createSimulator, type Simulator } from '../../src/simulator/simulator.ts';
import type { SyncOutcome } from '../../src/store/schema.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, type World } from '../support/world.ts';

const moving = 'sentinelOne:lastActiveDate';
const version = 'sentinelOne:agentVersion';

/** What a sync under each fault comes to, and the kind of its error. */
const expected: Record<FaultName, [SyncOutcome, ProviderErrorKind | null]> = {
  'expired-token': ['failed', 'auth'],
  'unauthorized-at-page': ['partial', 'auth'],
  'token-details-refused': ['succeeded', null],
  forbidden: ['failed', 'permission'],
  'forbidden-html': ['failed', 'unavailable'],
  'throttled-seconds': ['failed', 'throttled'],
  'throttled-date': ['failed', 'throttled'],
  throttled: ['failed', 'throttled'],
  'error-500': ['failed', 'unavailable'],
  'error-500-html': ['failed', 'unavailable'],
  'error-502': ['failed', 'unavailable'],
  'error-503': ['failed', 'unavailable'],
  'not-found': ['failed', 'unavailable'],
  'not-found-text': ['failed', 'unavailable'],
  'bad-request': ['failed', 'malformed'],
  'errors-in-200': ['failed', 'unavailable'],
  garbage: ['failed', 'malformed'],
  'html-200': ['failed', 'unavailable'],
  redirect: ['failed', 'settings'],
  'gzip-bomb': ['failed', 'malformed'],
  'huge-body': ['failed', 'malformed'],
  timeout: ['failed', 'unavailable'],
  slow: ['failed', 'unavailable'],
  'cut-before-headers': ['failed', 'unavailable'],
  'cut-mid-body': ['failed', 'unavailable'],
  'empty-page': ['succeeded', null],
  'ends-early': ['partial', 'unavailable'],
  'extra-page': ['succeeded', null],
  'empty-fleet': ['held', null],
  'repeated-cursor': ['partial', 'malformed'],
  'cursor-loop': ['partial', 'malformed'],
  'missing-agents': ['partial', 'unavailable'],
  'vanished-agents': ['held', null],
  'wrong-total': ['succeeded', null],
  'null-field': ['held', null],
  'wrong-types': ['succeeded', null],
  'serials-vanish': ['held', null],
  'rows-without-id': ['succeeded', null],
  'duplicate-rows': ['succeeded', null],
  'one-site': ['held', null],
};

/** Of so small a fleet, enough agents that some of them speak for devices. */
const harder: Partial<Record<FaultName, FaultOptions>> = {
  'missing-agents': { percent: 20 },
  'wrong-types': { percent: 20 },
  'rows-without-id': { percent: 20 },
};

/** Where the page's own time-out must come; everywhere else it is long, so that a busy machine does not look slow. */
const late: readonly FaultName[] = ['timeout', 'slow'];
const longMs = 30_000;

/** The provider on pages of fifteen agents, so that a small fleet has several. */
function onSmallPages(provider: Provider, pageTimeoutMs: number): Provider {
  return {
    ...provider,
    limits: { ...provider.limits, pageTimeoutMs },
    agents: (settings, query, context) =>
      provider.agents(settings, query, {
        ...context,
        http: {
          request: (request, signal) =>
            context.http.request({ ...request, path: request.path.replace(/\blimit=\d+/, 'limit=15') }, signal),
        },
      }),
  };
}

interface State {
  attributes: { device_id: string; values: Record<string, unknown> }[];
  agents: { agent_id: string; device_id: string | null; reason: string | null; values: Record<string, unknown> }[];
}

describe('under a fault a sync', () => {
  let world: World;
  let simulator: Simulator;
  let egress: Egress;
  let pageTimeoutMs = longMs;

  beforeAll(async () => {
    world = await createWorld();
    simulator = await createSimulator({
      agents: 40,
      seed: 11,
      churn: noChurn,
      now: world.now,
      requestsPerSecond: null,
      gzip: false,
      // A token that does not tell its own end, so that its details are asked for.
      token: { form: 'plain' },
    });
    egress = createEgress({
      allowedHosts: [new URL(simulator.url).host],
      log: world.context.log,
      unauthorizedRepeatMs: 0,
      retries: { baseMs: 0, capMs: 1_000 },
      maxBodyBytes: 1_000_000,
    });
    Object.assign(world.context, {
      egress,
      providerOf: (id: string) => onSmallPages(providerOf(id), pageTimeoutMs),
      settingsOf: () => ({ url: simulator.url, token: simulator.token, requestsPerSecond: 1_000 }),
    });
    await world.integration('hq', { provider: 'sentinelone' });
    await world.devices(...inventory(simulator.fleet).map(record => ({ ...record })));
    expect(await world.sync('hq')).toMatchObject({ outcome: 'succeeded', pages: 3, agents: 40 });
  });
  afterAll(async () => {
    egress.close();
    await simulator.close();
  });

  /** What the database says of devices and agents, but for times that move at every check-in. */
  async function stateNow(): Promise<State> {
    const attributes = await world.db.query(
      "select device_id, values - $1 as values from device_attributes where values <> '{}' order by device_id",
      [moving],
    );
    const agents = await world.db.query(
      'select agent_id, hostname, identifiers, serials, values, device_id, reason, gone_reason, frozen_at from agents order by agent_id',
    );
    return { attributes: attributes.rows, agents: agents.rows };
  }

  /** Has every fifth agent of which a version is known run another one. */
  function upgrade(before: State, to: string): State {
    const after = structuredClone(before);
    const known = after.agents.filter(agent => version in agent.values);
    for (const agent of known.filter((_, i) => i % 5 === 0)) {
      simulator.fleet.change(agent.agent_id, { version: to });
      agent.values[version] = to;
      const spokenFor = agent.reason === null ? agent.device_id : null;
      for (const row of after.attributes) if (row.device_id === spokenFor) row.values[version] = to;
    }
    return after;
  }

  it.each(faultNames.map(({ name }, i) => [name, `24.9.${i}.1`] as const))(
    '%s: takes no value, is told as what it is, and leaves no trace once it is over',
    async (name, newVersion) => {
      const before = await stateNow();
      expect(before.attributes.length).toBeGreaterThan(20);
      const upgraded = upgrade(before, newVersion);
      expect(upgraded.attributes).not.toEqual(before.attributes);
      simulator.setFault(name, harder[name]);
      if (late.includes(name)) pageTimeoutMs = 300;
      const [outcome, kind] = expected[name];
      const result = await world.sync('hq');
      simulator.clearFaults();
      pageTimeoutMs = longMs;
      expect(result).toMatchObject({ outcome, error: kind && { kind }, attributes: { removed: 0 } });
      expect(namesOf(await stateNow())).toEqual(namesOf(before));
      await world.verify();
      const good = { outcome: 'succeeded', attributes: { removed: 0, withheld: 0 }, error: null };
      expect(await world.sync('hq')).toMatchObject(good);
      expect(await stateNow()).toEqual(upgraded);
      expect(await world.row('hq')).toMatchObject({ pauseReason: null, failingSince: null, heldSince: null });
      await world.verify();
    },
  );

  it('leaves a log that tells everything', () => expectWholeLog(world.db, [moving]));
});

/** Which device has which attributes. */
function namesOf({ attributes }: State) {
  return attributes.map(row => [row.device_id, Object.keys(row.values)]);
}
