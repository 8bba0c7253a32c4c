// `integration held` as people see it: below the list, who would stop passing what if the loss were accepted.
import { beforeEach, expect, test } from 'vitest';
import { insertPolicy } from '../../src/store/policies.ts';
import { write } from '../../src/store/write.ts';
import { runCommand } from '../support/cli.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, tester, type World } from '../support/world.ts';

let world: World;

beforeEach(async () => {
  world = await createWorld();
  const console = await world.integration('hq');
  const ids = ['a', 'b', 'c'];
  await world.devices(...ids.map(id => ({ id, hostname: `HOST-${id}`, serialNumbers: [`SER-${id}`] })));
  console.set(...ids.map(id => fakeAgent(id, `SER-${id}`)));
  await world.sync('hq');
  console.agents.clear();
  await world.sync('hq');
});

async function applied(text: string): Promise<void> {
  const by = { actor: tester, origin: 'CONFIG_API', cause: 'test' } as const;
  await write(world.db, world.now, by, async ({ client, revision, at }) => {
    await insertPolicy(client, { revision, text, hash: '', appliedAt: at, actor: tester });
  });
}

async function told(): Promise<string[]> {
  const { status, stdout } = await runCommand(['integration', 'held', 'hq'], { DATABASE_URL: world.database.url });
  expect(status).toBe(0);
  return stdout.trimEnd().split('\n').slice(5);
}

test('integration held says who would stop passing what by the policy in force', async () => {
  expect(await told()).toEqual(['No policy is in force, so nobody passes anything.']);
  await applied('{ "postures": { "posture:on": ["fake:isActive == true"] } }');
  expect(await told()).toEqual([
    'If that is accepted, 3 devices would stop passing a posture.',
    '  posture:on: 3 devices (a, b, c)',
  ]);
});

test('integration held does not call it nobody where this version cannot read the policy', async () => {
  await applied('{ "tomorrow": 1 }');
  expect(await told()).toEqual([
    'This version cannot read the policy in force, so no device passes anything.',
    'Which would stop passing a posture once it can be read is not known.',
  ]);
});
