// Plays steps on the real thing and on the twin side by side, and compares after each.
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { patchAttributes } from '../../src/operations/attributes.ts';
import { importDevices } from '../../src/operations/device-import.ts';
import * as devices from '../../src/operations/devices.ts';
import * as states from '../../src/operations/integration-states.ts';
import * as integrations from '../../src/operations/integrations.ts';
import { changePlaceholders } from '../../src/operations/placeholders.ts';
import { changeSettings } from '../../src/operations/settings.ts';
import type { Agent } from '../../src/providers/provider.ts';
import type { SyncPoint, SyncResult } from '../../src/sync/context.ts';
import { keep } from '../../src/sync/keeper.ts';
import { runSync } from '../../src/sync/run.ts';
import { Copy } from '../support/copy.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { FakeConsole } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, minute, tester, type World } from '../support/world.ts';
import { checksum, compare, compareExplanation, proveVerified, Replay, type Snapshot, takeSnapshot } from './check.ts';
import { type NameField, nameFields } from './names.ts';
import type { AdministratorStep, DrawnAgent, Step, SyncStep } from './steps.ts';
import { Twin } from './twin.ts';
import * as acts from './twin-acts.ts';
import { changeAttributes, sent } from './twin-custom.ts';
import { type ExpectedResult, TwinRun } from './twin-sweep.ts';

const keys = [{ id: 'test', key: randomBytes(32) }] as const;

/** A difference between the twin and the real thing, and the step at which it showed. */
export class ModelFailure extends Error {
  readonly step: number;
  constructor(step: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'ModelFailure';
    this.step = step;
  }
}

/** @throws ModelFailure at the first step behind which twin and database differ */
export async function play(steps: readonly Step[], counts: Map<string, number> = new Map()): Promise<void> {
  const lent = await lendDatabase();
  const game = new Game(await createWorld(lent.database), counts, lent.revision);
  for (const [i, step] of steps.entries()) {
    try {
      await game.take(step, i);
    } catch (error) {
      await lent.database.drop();
      throw new ModelFailure(i, error);
    }
  }
  if (lent.uses < mostUses) idle.push(lent);
  else await lent.database.drop();
}

/** A database serves several plays, since making one takes a tenth of a play. The audit log and the revisions go on. */
const mostUses = 10;
const idle: { database: TestDatabase; uses: number }[] = [];

async function lendDatabase(): Promise<{ database: TestDatabase; uses: number; revision: number }> {
  const lent = idle.pop() ?? { database: await freshDatabase(), uses: 0 };
  lent.uses++;
  const emptied = [
    ...['integrations', 'sync_runs', 'devices', 'removed_devices'],
    ...['agents', 'device_attributes', 'attribute_keys', 'withheld_values'],
  ];
  const { rows } = await lent.database.pool.query(
    `with ${emptied.map(table => `_${table} as (delete from ${table})`).join(', ')},
       _settings as (update settings set posture_identity_collection_on = true),
       _placeholders as (delete from placeholder_serials where source = 'administrator')
     update head set at = 'epoch' returning revision`,
  );
  return Object.assign(lent, { revision: rows[0].revision });
}

class Game {
  private readonly world: World;
  private readonly twin: Twin;
  private readonly counts: Map<string, number>;
  private readonly replay = new Replay();
  /** As the gateway keeps it. */
  private readonly copy: Copy;
  private revision: number;
  private last = '';

  constructor(world: World, counts: Map<string, number>, revision: number) {
    this.world = world;
    this.revision = revision;
    this.twin = new Twin(() => world.now().getTime());
    this.counts = counts;
    this.copy = new Copy(world.database, ['fake:lastSeen']);
    this.copy.revision = revision;
  }

  async take(step: Step, i: number): Promise<void> {
    this.world.pass(minute);
    this.twin.events = [];
    this.count(step.do);
    const isQuiet =
      step.do === 'agents' || step.do.startsWith('agents ') || step.do === 'behave' || step.do === 'token';
    await this.act(step);
    // What happens at a provider shows in nothing before the next sync.
    if (isQuiet || step.do === 'pass') return;
    const found = await takeSnapshot(this.world, this.revision);
    await compare(this.world, this.twin, found);
    this.countNames(found);
    this.replay.take(found.events);
    this.replay.compare(found);
    this.revision = found.revision;
    // Where nothing of it changed, it was proved before.
    const facts = JSON.stringify({ ...found, events: found.events.length });
    const device = `d${((i * 7) % 25) + 1}`;
    if (facts !== this.last) {
      await proveVerified(this.world);
      await this.compareCopy(device);
    }
    this.last = facts;
    await compareExplanation(this.world, this.twin, device);
  }

  /** The copy takes what changed, and is held against the whole; its ages against what is told of a device. */
  private async compareCopy(device: string): Promise<void> {
    expect(await this.copy.follow(), 'a copy had to be loaded').toBe(false);
    await this.copy.compare();
    if (!this.copy.devices.has(device)) return;
    const { attributes } = await this.world.explain(device);
    const told = Object.entries(attributes).map(([name, { value, confirmedAt }]) => [name, { value, confirmedAt }]);
    expect(this.copy.valuesOf(device), 'ages in the copy').toEqual(Object.fromEntries(told));
  }

  private countNames({ finding }: Snapshot): void {
    const isShared = (field: NameField) =>
      [...this.twin.devices.values()].some(device =>
        device[field].some(name => this.twin.rivalsOf(device, field, name).length > 0),
      );
    if (finding.length > 0) this.count('a device found by a name');
    for (const field of nameFields) if (isShared(field)) this.count(`${field} of several devices`);
  }

  private count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  private async act(step: Step): Promise<void> {
    const { world, twin } = this;
    switch (step.do) {
      case 'add integration':
        return await this.addIntegration(step);
      case 'agents':
        for (const agent of step.agents) world.consoles.get(step.integration)?.set(agentOf(agent));
        return;
      case 'agents vanish': {
        const console = world.consoles.get(step.integration);
        for (const id of step.ids) {
          const agent = console?.agents.get(id);
          if (agent) vanished(step.integration, this.away).set(id, agent);
          console?.agents.delete(id);
        }
        return;
      }
      case 'agents come back':
        world.consoles.get(step.integration)?.set(...vanished(step.integration, this.away).values());
        return;
      case 'behave': {
        const console = world.consoles.get(step.integration);
        if (!console) return;
        console.unreadable = new Set(step.unreadable);
        console.hidden = new Set(step.hidden);
        console.repeated = new Set(step.repeated);
        console.pageSize = step.pageSize;
        return;
      }
      case 'token': {
        const console = world.consoles.get(step.integration);
        const tokenExpiresAt = step.expiresAt === null ? null : new Date(step.expiresAt);
        if (console) console.account = { scope: ['Account / Site'], tokenExpiresAt };
        return;
      }
      case 'pass':
        return world.pass(step.ms);
      case 'keep':
        acts.keep(twin);
        return await keep({
          pool: world.db,
          now: world.now,
          log: world.context.log,
          auditRetentionMs: 400 * 86_400_000,
        });
      case 'sync':
        return await this.sync(step);
      default:
        return await this.administer(step);
    }
  }

  private readonly away = new Map<string, Map<string, Agent>>();

  private async addIntegration(step: Step & { do: 'add integration' }): Promise<void> {
    const { expireAfterMs = null, holdFloor = 2, holdShare = 0.2 } = step.limits;
    await this.world.integration(step.integration, {
      expire_after_ms: expireAfterMs,
      hold_floor: holdFloor,
      hold_share: holdShare,
    });
    this.twin.integrations.set(step.integration, {
      name: step.integration,
      settings: { url: 'https://fake.test', requestsPerSecond: 20, console: step.integration },
      settingsVersion: 1,
      expireAfterMs,
      holdFloor,
      holdShare,
      pause: null,
      pausedUntil: null,
      failingSince: null,
      error: null,
      isEscalated: false,
      sweptAt: null,
      judgedAt: null,
      heldDevices: null,
      accepted: null,
      tokenExpiresAt: null,
      tokenWarned: null,
      evidenceWarned: null,
      losses: [],
    });
  }

  /** What an administrator asks for; refused by both or by none. */
  private async administer(step: AdministratorStep): Promise<void> {
    const { world, twin } = this;
    const request = { db: world.db, now: world.now, actor: tester, keys, allowedHosts: ['fake.test'] };
    // Counted on the twin before it acts: the real thing must count the same.
    const confirm = twin.answers.size + (step.do === 'identity collection' && step.isMiscounted ? 1 : 0);
    const real = async (): Promise<unknown> => {
      switch (step.do) {
        case 'import': {
          const lines = step.records.map((record, i) => ({ line: i + 1, record }));
          const result = await importDevices(request, lines);
          expect(result.rejected).toEqual([]);
          return;
        }
        case 'remove device':
          return await devices.removeDevice(request, step.id);
        case 'attributes':
          return await patchAttributes(request, sent(step.patch, world.now().getTime()));
        case 'serials':
          return await devices.setSerials(request, step.id, step.serials);
        case 'bind':
          return await devices.bindAgent(request, step.device, step.agent, step.integration);
        case 'placeholders':
          return await changePlaceholders(request, step);
        case 'settings':
          return await integrations.updateIntegration(request, step.integration, settingsOf(step.change));
        case 'identity collection':
          return await changeSettings(
            request,
            { postureIdentityCollectionOn: step.isOn },
            { confirm, isConfirmRequired: true },
          );
        case 'accept':
          return await states.acceptLosses(request, step.integration);
        case 'pause':
          return await states.pauseIntegration(request, step.integration);
        case 'resume':
          return await states.resumeIntegration(request, step.integration);
        case 'remove integration':
          return await this.removeIntegration(request, step.integration);
      }
    };
    const expected = onTwin(twin, step, confirm);
    const outcome = await real().then(
      () => 'done',
      error => {
        if (error instanceof AppError) return 'refused';
        throw error;
      },
    );
    this.count(`${step.do} ${outcome}`);
    expect(outcome, `${step.do}`).toBe(expected);
  }

  /** Counted beforehand without being done, it says what then happens. */
  private async removeIntegration(request: devices.Request, name: string): Promise<void> {
    const before = await checksum(this.world);
    const planned = await integrations.removeIntegration(request, name, true);
    expect(await checksum(this.world), 'a removal that is only counted').toBe(before);
    const removed = await integrations.removeIntegration(request, name, false);
    expect(removed).toEqual({ ...planned, dryRun: false });
  }

  private async sync(step: SyncStep): Promise<void> {
    const { world, twin } = this;
    const console = world.consoles.get(step.integration);
    if (!console || !twin.integrations.has(step.integration)) return;
    console.fail = step.fail;
    console.totalOff = step.totalOff;
    const planned = step.dryRunFirst ? await this.dryRun(step.integration) : null;
    if (planned) this.count(`dry run ${planned.outcome}`);
    const before = await takeSnapshot(world, this.revision);
    const run = new TwinRun(twin, step.integration);
    const wasAccepted = twin.integrations.get(step.integration)?.accepted ?? null;
    const stop = new AbortController();
    let pages = 0;
    let isMerged = false;
    const tokenExpiresAt = console.account?.tokenExpiresAt?.getTime() ?? null;
    const meanwhile = async (at: SyncPoint) => {
      if (step.meanwhile?.at !== at || (at === 'page staged' && pages !== 1)) return;
      this.count(`administrator at "${at}"`);
      await this.administer(step.meanwhile.act);
    };
    const reached = async (point: SyncPoint) => {
      if (point === 'claimed') {
        await meanwhile(point);
        world.pass(step.takesMs);
        if (step.stopAfter === 0) stop.abort(new Error('told to stop'));
      }
      if (point === 'page staged') {
        pages++;
        await meanwhile(point);
        if (step.stopAfter === pages) stop.abort(new Error('told to stop'));
      }
      if (point === 'before head') {
        run.read(console, step.stopAfter);
        await meanwhile(point);
      }
      if (point === 'after commit') {
        isMerged = true;
        run.merge();
        await meanwhile(point);
        run.finish(tokenExpiresAt);
      }
    };
    const options = { signal: stop.signal, reached };
    const result = await runSync(world.context, `p${step.integration}`, options);
    if (!isMerged) {
      if (!run.hasRead()) run.read(console, step.stopAfter);
      run.merge();
      run.finish(tokenExpiresAt);
    }
    if (!result || !run.result) throw new Error('the run gave no result');
    if (!twin.isCollecting) this.count('sync with identity collection off');
    if (step.meanwhile?.act.do === 'identity collection' && isMerged)
      this.count('identity collection done under a run');
    this.count(`sync ${result.outcome}${result.error ? ` ${result.error.kind}` : ''}`);
    if (wasAccepted) this.count(`sync ${result.outcome} with losses accepted`);
    compareResults(result, run.result);
    await this.proveTurn(step, result);
    const isDisturbed = step.meanwhile !== null || step.takesMs > 0;
    if (planned && !isDisturbed && step.stopAfter === null) comparePlan(planned, result);
    if (!isDisturbed) await this.proveProperties(step, before, result);
  }

  /** A dry run changes no row. */
  private async dryRun(integration: string): Promise<SyncResult | null> {
    const before = await checksum(this.world);
    const signal = new AbortController().signal;
    const planned = await runSync(this.world.context, `p${integration}`, { signal, dryRun: true });
    expect(await checksum(this.world), 'a dry run').toBe(before);
    return planned;
  }

  /** A provider that throttles is not asked before it said. */
  private async proveTurn(step: SyncStep, result: SyncResult): Promise<void> {
    if (result.error?.kind !== 'throttled' || step.meanwhile) return;
    const { nextSyncAt } = await this.world.row(step.integration);
    const earliest = this.world.now().getTime() + (step.fail?.retryAfterMs ?? 0);
    expect(nextSyncAt.getTime(), 'the next turn after Retry-After').toBeGreaterThanOrEqual(earliest);
  }

  /** What must hold whatever the twin says. */
  private async proveProperties(
    step: SyncStep,
    before: Awaited<ReturnType<typeof takeSnapshot>>,
    result: SyncResult,
  ): Promise<void> {
    const after = await takeSnapshot(this.world, before.revision);
    const { expireAfterMs } = this.twin.integrations.get(step.integration) ?? { expireAfterMs: null };
    if (!result.complete && expireAfterMs === null && this.twin.integrations.size === 1) {
      for (const { device, values } of before.attributes) {
        const now = after.attributes.find(it => it.device === device);
        expect(Object.keys(now?.values ?? {}), 'an incomplete sweep removes nothing').toEqual(
          expect.arrayContaining(Object.keys(values)),
        );
      }
    }
    if (result.outcome !== 'succeeded' || !step.twice) return;
    const rows = await this.row(step.integration);
    const held = rows.held;
    const again = await runSync(this.world.context, `p${step.integration}`, { signal: new AbortController().signal });
    const run = new TwinRun(this.twin, step.integration);
    const console = this.world.consoles.get(step.integration) ?? new FakeConsole();
    run.read(console, null);
    run.merge();
    run.finish(console.account?.tokenExpiresAt?.getTime() ?? null);
    if (!again || !run.result) throw new Error('the run gave no result');
    compareResults(again, run.result);
    const later = await takeSnapshot(this.world, after.revision);
    if (held !== null || again.outcome !== 'succeeded') return;
    this.count('unchanged sweep');
    expect(later.revision, 'revisions behind an unchanged complete sweep').toBe(after.revision);
  }

  private async row(name: string): Promise<{ held: number | null }> {
    return { held: (await this.world.row(name)).heldDevices };
  }
}

function vanished(integration: string, away: Map<string, Map<string, Agent>>): Map<string, Agent> {
  const its = away.get(integration) ?? new Map<string, Agent>();
  away.set(integration, its);
  return its;
}

function settingsOf({ requestsPerSecond, expireAfterMs, holdFloor, holdShare }: acts.IntegrationChange) {
  return {
    ...(requestsPerSecond === undefined ? {} : { settings: { requestsPerSecond } }),
    ...(expireAfterMs === undefined ? {} : { expireAfterMs }),
    ...(holdFloor === undefined ? {} : { holdFloor }),
    ...(holdShare === undefined ? {} : { holdShare }),
  };
}

function onTwin(twin: Twin, step: AdministratorStep, confirm: number): acts.Act {
  switch (step.do) {
    case 'import':
      return acts.importDevices(twin, step.records);
    case 'remove device':
      return acts.removeDevice(twin, step.id);
    case 'attributes':
      return changeAttributes(twin, step.patch);
    case 'serials':
      return acts.setSerials(twin, step.id, step.serials);
    case 'bind':
      return acts.bindAgent(twin, step.device, step.agent, step.integration);
    case 'placeholders':
      return acts.changePlaceholders(twin, step);
    case 'settings':
      return acts.updateIntegration(twin, step.integration, step.change);
    case 'identity collection':
      return acts.switchCollection(twin, step.isOn, confirm);
    case 'accept':
      return acts.acceptLosses(twin, step.integration);
    case 'pause':
      return acts.pauseIntegration(twin, step.integration);
    case 'resume':
      return acts.resumeIntegration(twin, step.integration);
    case 'remove integration':
      return acts.removeIntegration(twin, step.integration);
  }
}

function agentOf({ serials, registeredAt, ...drawn }: DrawnAgent): Agent {
  return {
    ...drawn,
    identifiers: serials.map(value => ({ kind: 'serial', value })),
    registeredAt: registeredAt === null ? null : new Date(registeredAt),
    lastActiveAt: null,
  };
}

function compareResults(result: SyncResult, expected: ExpectedResult): void {
  const { outcome, complete, pages, agents, skipped, matched, unmatched, attributes, events, error } = result;
  const isAbandoned = outcome === 'abandoned';
  expect(
    {
      outcome,
      complete,
      pages,
      // Rows staged, not agents, when the run was abandoned.
      agents: isAbandoned ? expected.agents : agents,
      skipped,
      matched,
      unmatched,
      attributes,
      events,
      error: error?.kind ?? null,
    },
    'what the sync gives back',
  ).toEqual(expected);
}

function comparePlan(planned: SyncResult, result: SyncResult): void {
  const parts = ({ outcome, complete, pages, agents, skipped, matched, unmatched, attributes, error }: SyncResult) => ({
    outcome,
    complete,
    pages,
    agents,
    skipped,
    matched,
    unmatched,
    attributes,
    error,
  });
  expect(parts(planned), 'what the dry run said').toEqual(parts(result));
}
