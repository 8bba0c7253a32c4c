// What workers do for processes without keys: the published key, and secrets that are sealed anew after keys were changed.
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../../src/log.ts';
import { addIntegration, openSettings, theIntegration, updateIntegration } from '../../src/operations/integrations.ts';
import { secretProblems } from '../../src/operations/secrets.ts';
import { createWebhook, openSigningSecrets, rotateWebhookSecret } from '../../src/operations/webhooks.ts';
import { sealingKeyOf } from '../../src/store/sealed-boxes.ts';
import { publishedSealingKey, publishSealingKey, replaceSealed, storedSecrets } from '../../src/store/sealing.ts';
import type { Sealer, SecretKeys } from '../../src/store/secrets.ts';
import { webhookById } from '../../src/store/webhooks.ts';
import { keep } from '../../src/sync/keeper.ts';
import { createSealing, startSealing } from '../../src/sync/sealing.ts';
import { createWorld, hour, tester, type World } from '../support/world.ts';

const key = (id: string) => ({ id, key: randomBytes(32) });
const [one, two, foreign] = [key('one'), key('two'), key('foreign')];
const token = 'planted-token-of-the-console';

let world: World;
let lines: { level: unknown; msg: string; [field: string]: unknown }[];
beforeEach(async () => {
  world = await createWorld();
  lines = [];
});

function contextOf(...keys: SecretKeys) {
  const log = createLog('info', { write: line => void lines.push(JSON.parse(line)) });
  return { pool: world.db, keys, now: world.now, log, worker: 'test:1' };
}

const sealingOf = (...keys: SecretKeys) => createSealing(contextOf(...keys));
const begins = { atStart: true, sealsAnew: false };
const later = { atStart: false, sealsAnew: true };
const published = async () => (await publishedSealingKey(world.db))?.id;
const isError = ({ level }: (typeof lines)[number]) => level === 'error' || level === 50;
const errors = () => lines.filter(isError).map(({ msg }) => msg.slice(0, 50));
const requestOf = (keys: Sealer) => ({
  db: world.db,
  now: world.now,
  actor: tester,
  keys,
  allowedHosts: ['127.0.0.1'],
});
const add = (keys: Sealer, name = 'hq') =>
  addIntegration(requestOf(keys), {
    name,
    provider: 'sentinelone',
    settings: { url: 'https://example.sentinelone.net', token },
  });
const keyIds = async () => (await storedSecrets(world.db, null)).map(({ keyId }) => keyId);
const tokenBy = async (...keys: SecretKeys) => (await openSettings(keys)(await theIntegration(world.db, 'hq'))).token;

describe('the published key', () => {
  it('is the first one of the worker that started last', async () => {
    await sealingOf(one)(begins);
    expect(await published()).toBe('one');
    expect(await publishedSealingKey(world.db)).toEqual(await sealingKeyOf(one));
    await sealingOf(two, one)(begins);
    expect(await published()).toBe('two');
    // While they are restarted one after the other, a worker with the keys before may start once more.
    await sealingOf(one, two)(begins);
    expect(await published()).toBe('one');
    expect(errors()).toEqual([]);
  });

  it('stays in later rounds where it is any of the keys, so that workers with another order do not take turns', async () => {
    await sealingOf(two, one)(begins);
    await sealingOf(one, two)(later);
    expect(await published()).toBe('two');
    expect(errors()).toEqual([]);
  });

  it.each([
    ['of another id', async () => await sealingKeyOf(foreign)],
    ['of the same id', async () => ({ ...(await sealingKeyOf(foreign)), id: 'one' })],
  ])('that is none of the keys, %s, is an error in the log, and is replaced', async (_, made) => {
    const round = sealingOf(one);
    await round(begins);
    await publishSealingKey(world.db, await made(), world.now(), 'somebody');
    expect(await secretProblems(world.db, [one])).toEqual([expect.stringContaining('that is none of SECRET_KEYS')]);
    await round(later);
    expect(errors()).toEqual(['secrets were sealed to a published key that is non']);
    expect(await publishedSealingKey(world.db)).toEqual(await sealingKeyOf(one));
    expect(await secretProblems(world.db, [one])).toEqual([]);
    await round(later);
    expect(errors()).toHaveLength(1);
  });

  it('comes back where the database was restored to before it', async () => {
    const round = sealingOf(one);
    await round(begins);
    await world.db.query('delete from sealing_key');
    await round(later);
    expect(await published()).toBe('one');
    expect(errors()).toEqual([]);
  });

  it('stands there when the worker has begun', async () => {
    const sealing = await startSealing(contextOf(one));
    expect(await published()).toBe('one');
    await sealing.stop();
  });
});

describe('sealed secrets', () => {
  it('are sealed anew with the first key, whichever way another one sealed them, and then the others can go', async () => {
    await add(await sealingKeyOf(one));
    await add([one], 'other');
    const { secret: young, view } = await createWebhook(requestOf([one]), {
      name: 'pager',
      url: 'https://hooks.example.com',
    });
    const { secret } = await rotateWebhookSecret(requestOf(await sealingKeyOf(one)), view.id, { atOnce: false });
    const before = await theIntegration(world.db, 'hq');
    const { rows: revisions } = await world.db.query('select count(*) from revisions');
    expect((await keyIds()).toSorted()).toEqual(['box:one', 'box:one', 'one', 'one']);
    await sealingOf(two, one)(later);
    expect(await keyIds()).toEqual(['two', 'two', 'two', 'two']);
    expect(await tokenBy(two)).toBe(token);
    const row = await webhookById(world.db, view.id);
    expect(row && (await openSigningSecrets([two])(row, world.now()))).toEqual([secret, young]);
    // It is not another setting: runs go on, and nobody is told of a change.
    expect(await theIntegration(world.db, 'hq')).toEqual({ ...before, secret: expect.anything(), secretKeyId: 'two' });
    expect((await world.db.query('select count(*) from revisions')).rows).toEqual(revisions);
    expect(await secretProblems(world.db, [two])).toEqual([]);
    expect(JSON.stringify(lines)).not.toContain(token);
  });

  it('stay sealed with the published key where workers have the keys in another order, and do not take turns', async () => {
    await add([one]);
    const [mine, others] = [sealingOf(two, one), sealingOf(one, two)];
    await others(begins);
    await mine(begins);
    for (const round of [mine, others, mine]) {
      await round(later);
      expect(await keyIds()).toEqual(['two']);
    }
  });

  it('wait for that until workers that are restarted one after the other have been', async () => {
    await add([one]);
    await sealingOf(two, one)(begins);
    expect(await keyIds()).toEqual(['one']);
  });

  it('that no key opens are told once in the log, and by verify and the test of the integration', async () => {
    await add(await sealingKeyOf(foreign));
    await add({ ...(await sealingKeyOf(foreign)), id: 'one' }, 'same');
    const round = sealingOf(one);
    for (const each of [begins, later, later]) await round(each);
    const told = lines.filter(isError).map(({ integration, reason }) => [integration, reason]);
    const reasons = [
      ['hq', 'a stored secret was sealed with key "foreign", which SECRET_KEYS does not have'],
      ['same', 'a stored secret cannot be opened with key "one" of SECRET_KEYS: it is another key'],
    ];
    expect(told.toSorted()).toEqual(reasons);
    await expect(tokenBy(one)).rejects.toMatchObject({ kind: 'settings', message: reasons[0]?.[1] });
    expect((await secretProblems(world.db, [one])).toSorted()).toEqual(
      reasons.map(([name, reason]) => `Integration "${name}": ${reason}.`),
    );
    expect(await keyIds()).toEqual(expect.arrayContaining(['box:foreign', 'box:one']));
    // A new token ends it; should it happen again it is told again.
    await updateIntegration(requestOf([one]), 'hq', { settings: { token } });
    await round(later);
    await updateIntegration(requestOf(await sealingKeyOf(foreign)), 'hq', { settings: { token } });
    await round(later);
    expect(lines.filter(isError)).toHaveLength(3);
  });

  it('of webhooks that sign no more are dropped', async () => {
    const { view } = await createWebhook(requestOf([one]), { name: 'pager', url: 'https://hooks.example.com' });
    await rotateWebhookSecret(requestOf([two]), view.id, { atOnce: false });
    const round = () => keep({ ...contextOf(two), auditRetentionMs: 400 * 24 * hour });
    world.pass(24 * hour - 1);
    await round();
    expect(await keyIds()).toEqual(['one', 'two']);
    world.pass(1);
    await round();
    expect(await keyIds()).toEqual(['two']);
  });

  it('that somebody changed meanwhile stay as that left them', async () => {
    await add([one]);
    const [read] = await storedSecrets(world.db, null);
    if (read === undefined) return expect.unreachable();
    await updateIntegration(requestOf([one]), 'hq', { settings: { token: 'another-token-of-the-console' } });
    expect(await replaceSealed(world.db, read, { keyId: 'two', bytes: randomBytes(40) })).toBe(false);
    expect(await tokenBy(one)).toBe('another-token-of-the-console');
  });
});
