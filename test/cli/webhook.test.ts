// `webhook test` and `webhook show` with a real receiver, where no worker runs.
import { expect, onTestFinished, test } from 'vitest';
import { createInstallation } from '../support/cli.ts';
import { openReceiver } from '../support/receiver.ts';

test('webhook test sends itself where no worker runs, and tells what the receiver answered', async () => {
  const it = await createInstallation();
  onTestFinished(() => it.close());
  const receiver = await openReceiver();
  onTestFinished(() => receiver.leave());
  const environment = { PROVIDER_ALLOWED_HOSTS: new URL(receiver.url).host };
  const run = (...words: string[]) => it.run(['webhook', ...words], { environment });
  const created = await run('create', '--name', 'w', '--url', receiver.url);
  expect(created).toMatchObject({ status: 0, stdout: expect.stringMatching(/^whsec_[\w+/]{43}=\n$/) });
  expect(await run('test', 'w')).toMatchObject({ status: 0, stdout: 'w took the notice (204).\n' });
  receiver.answer = (_, response) => void response.writeHead(500).end();
  const refused = { status: 1, stdout: 'w has not taken the notice: the receiver answered 500\n' };
  expect(await run('test', 'w')).toMatchObject(refused);
  const [shown] = (await run('show', 'w', '--json')).json();
  expect(shown).toMatchObject({
    state: 'failing',
    waiting: 1,
    deliveries: [{ state: 'waiting' }, { state: 'delivered' }],
  });
  const { stdout } = await run('show', 'w');
  expect(stdout).toContain('failing: the receiver answered 500');
  expect(await run('list')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('failing: the receiver answered 500'),
  });
});
