// A page's body as bytes: rows written one after the other into buffers that are used again, because fresh memory for
// several megabytes a page cost more than composing them.
import type { SimulatedAgent } from './agent.ts';
import { longestRow, writeRow } from './row.ts';

/** Buffers that go round. `take` one, `give` it back once its bytes have left. */
export interface BufferPool {
  take(): Buffer;
  give(buffer: Buffer): void;
}

const firstBytes = 4 * 2 ** 20;
const kept = 4;

export function createBufferPool(): BufferPool {
  const free: Buffer[] = [];
  return {
    take: () => free.pop() ?? Buffer.allocUnsafeSlow(firstBytes),
    give: buffer => {
      if (free.length < kept) free.push(buffer);
    },
  };
}

export interface PageBody {
  /** The whole buffer, to give back. */
  buffer: Buffer;
  /** How much of it is the body. */
  length: number;
}

/**
 * @param agents what the page lists
 * @param at the fleet's time in ms
 * @param end what follows the rows, in plain ASCII
 * @param pool where the buffer comes from
 */
export function pageBody(agents: readonly SimulatedAgent[], at: number, end: string, pool: BufferPool): PageBody {
  let buffer = pool.take();
  let length = buffer.write('{"data":[', 'latin1');
  for (let i = 0; i < agents.length; i++) {
    const agent = agents[i];
    if (!agent) continue;
    if (buffer.length - length < longestRow) {
      const larger = Buffer.allocUnsafeSlow(buffer.length * 2);
      buffer.copy(larger, 0, 0, length);
      buffer = larger;
    }
    if (i > 0) buffer[length++] = 44;
    length = writeRow(buffer, length, agent, at);
  }
  length += buffer.write(end, length, 'latin1');
  return { buffer, length };
}
