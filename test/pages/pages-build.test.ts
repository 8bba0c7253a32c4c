// Building the admin pages: a build that is stopped leaves nothing behind, and those that are served stay.
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { buildPages, builtPages } from '../../src/cli/pages-build.ts';

const besides = () => readdirSync(path.dirname(builtPages)).filter(name => name.includes(`.${process.pid}`));

it('ends when the service is stopped, and leaves nothing of it', async () => {
  const before = statSync(builtPages).mtimeMs;
  const stop = new AbortController();
  const building = buildPages(stop.signal);
  stop.abort(new Error('stopped'));
  await expect(building).rejects.toThrow('stopped');
  await expect(buildPages(stop.signal)).rejects.toThrow('stopped');
  expect(besides()).toEqual([]);
  expect(statSync(builtPages).mtimeMs).toBe(before);
});
