// The simulator as a process of its own for `bench sync`: no latency, no compression, no rate limit. Ends with its parent.
import { createSimulator } from '../simulator/simulator.ts';

process.once('message', async ({ agents, seed }: { agents: number; seed: number }) => {
  const simulator = await createSimulator({ agents, seed, gzip: false, requestsPerSecond: null });
  process.send?.({ url: simulator.url, token: simulator.token });
});
process.once('disconnect', () => process.exit(0));
