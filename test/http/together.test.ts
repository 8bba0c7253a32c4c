// Answers that are sent together: each once, in order, and none lost by one that fails.
import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createSendTogether } from '../../src/http/together.ts';
import { createLog } from '../../src/log.ts';

it('sends what is ready in one turn after it, in order, and cuts the connection of one that fails alone', async () => {
  const lines: string[] = [];
  const sendTogether = createSendTogether(createLog('error', { write: line => void lines.push(line) }));
  const did: string[] = [];
  const response = (name: string) => ({ destroy: () => void did.push(`${name} is cut`) }) as unknown as ServerResponse;
  sendTogether(response('a'), () => void did.push('a'));
  sendTogether(response('b'), () => {
    throw new Error('it broke');
  });
  sendTogether(response('c'), () => {
    did.push('c');
    sendTogether(response('d'), () => void did.push('d'));
  });
  expect(did).toEqual([]);
  await turn();
  expect(did).toEqual(['a', 'b is cut', 'c']);
  await turn();
  expect(did).toEqual(['a', 'b is cut', 'c', 'd']);
  expect(lines.join()).toContain('it broke');
  expect(lines).toHaveLength(1);
});
