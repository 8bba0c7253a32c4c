// A receiver of webhooks on loopback that answers as a test says, a sender beside it, and notices to be sent. Free of the test
// runner, so that sender processes have it too.
import http from 'node:http';
import { openSigningSecrets } from '../../src/operations/webhooks.ts';
import { createEgress } from '../../src/providers/http.ts';
import type { SecretKeys } from '../../src/store/secrets.ts';
import { write } from '../../src/store/write.ts';
import type { NoticesContext } from '../../src/sync/notices.ts';
import type { TestContext } from './context.ts';
import { freePort } from './free-port.ts';
import type { World } from './world.ts';

export const keys: SecretKeys = [{ id: 'k1', key: Buffer.alloc(32, 7) }];

export interface Got {
  headers: Record<string, string>;
  body: string;
  /** `device state` or the kind. */
  told: string;
}

export interface Receiver {
  url: string;
  /** Every request that came whole, in order. */
  got: Got[];
  /** Of those the ones that were answered with success. */
  taken: string[];
  /** How many were there at once, at most. */
  mostAtOnce: number;
  /** Gives an answer; by default 204. */
  answer: (got: Got, response: http.ServerResponse) => void | Promise<void>;
  /** Nothing listens any more; connections are cut. */
  leave(): Promise<void>;
  /** Listens again, on the port it had. */
  comeBack(): Promise<void>;
}

export async function openReceiver(): Promise<Receiver> {
  let server: http.Server;
  // One of those that nobody is given for a connection while the receiver is away.
  const port = await freePort();
  let atOnce = 0;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${port}/in?who=posture`,
    got: [],
    taken: [],
    mostAtOnce: 0,
    answer: (_, response) => void response.writeHead(204).end(),
    async leave() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
    async comeBack() {
      server = http.createServer(listen);
      await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve));
    },
  };
  const listen: http.RequestListener = async (request, response) => {
    atOnce++;
    receiver.mostAtOnce = Math.max(receiver.mostAtOnce, atOnce);
    response.once('close', () => atOnce--);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const { type, data } = JSON.parse(body);
    const told = data.device ? `${data.device.id} ${data.new.state}` : type;
    const got: Got = { headers: request.headers as Record<string, string>, body, told };
    receiver.got.push(got);
    await receiver.answer(got, response);
    if (response.statusCode < 300 && response.headersSent) receiver.taken.push(told);
  };
  await receiver.comeBack();
  return receiver;
}

/** What a sender needs; the caller closes its way out. */
export function noticesContext(context: TestContext, pool: NoticesContext['pool']): NoticesContext {
  return {
    ...context,
    pool,
    egress: createEgress({ allowedHosts: ['127.0.0.1'], log: context.log }),
    signingSecretsOf: openSigningSecrets(keys),
  };
}

/** Writes flips of devices, `device state`, a revision each. */
export async function tellFlips(world: Pick<World, 'db' | 'now'>, ...flips: string[]): Promise<void> {
  const by = {
    actor: { id: 'test', type: 'USER', loginName: 'test', displayName: 'Test' },
    origin: 'CONTROL',
    cause: 'test',
  } as const;
  for (const flip of flips) {
    const [device = '', state] = flip.split(' ');
    await write(world.db, world.now, by, async w => {
      const event = 'NODE.UPDATE.POSTURE_STANDING';
      await w.event({ event, targetId: device, targetName: null, new: { posture: 'posture:p', state } });
    });
  }
}
