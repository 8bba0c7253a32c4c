// How the tests run: one real PostgreSQL for all, the net closed, and a last line with the counts.
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';
import { Summary } from './test/support/summary.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/server.ts', 'test/support/pages-built.ts'],
    setupFiles: ['test/support/network.ts', 'test/support/quick-imports.ts'],
    reporters: ['default', new Summary()],
    pool: 'forks',
    // Each file has its own database on one server of 100 connections.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // What is waited for takes as long as the machine, which may be busy, lets it; Vitest's own second is a race.
    expect: { poll: { timeout: 60_000, interval: 10 } },
    // Not how long a test may take, which the machine decides, but when it is taken to hang.
    testTimeout: 900_000,
    hookTimeout: 900_000,
  },
});
