// What a demo remembers in DATA_DIR, so that it goes on with the same fleet when it is started again, and so that
// commands beside it may reach its simulated console although that is on loopback.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface DemoState {
  port: number;
  token: string;
  seed: number;
  /** When the fleet was made, in ms since 1970. */
  startedMs: number;
  /**
   * How the fleet's time moved since: quiet minutes (nothing happened but check-ins) and then so many lively steps, for
   * each start of the demo. Replayed, the same fleet comes out.
   */
  history: { quietMinutes: number; steps: number }[];
}

const fileOf = (dataDir: string) => join(dataDir, 'demo.json');

export async function readDemoState(dataDir: string): Promise<DemoState | null> {
  const text = await readFile(fileOf(dataDir), 'utf8').catch(error => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw error;
  });
  return text === null ? null : JSON.parse(text);
}

/** Replaces the file in one step. It holds the simulated console's token: readable by its owner only. */
export async function writeDemoState(dataDir: string, state: DemoState): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const file = fileOf(dataDir);
  await writeFile(`${file}.new`, `${JSON.stringify(state)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/** @returns the simulated console as an entry of PROVIDER_ALLOWED_HOSTS; nothing where no demo was started */
export async function demoHosts(dataDir: string): Promise<string[]> {
  const state = await readDemoState(dataDir);
  return state ? [`127.0.0.1:${state.port}`] : [];
}
