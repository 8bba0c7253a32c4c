// Builds the admin pages once before the tests, where they are absent or older than their sources: several services that start at once
// would each build them. A failure is told by the tests of the pages.
import type { TestProject } from 'vitest/node';
import { buildPages, pagesNeedBuild } from '../../src/cli/pages-build.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Why the pages could not be built, or ''. */
    buildFailure: string;
  }
}

/** Vitest calls it once before all files. */
export async function setup(project: TestProject): Promise<void> {
  project.provide('buildFailure', '');
  if (!pagesNeedBuild()) return;
  await buildPages().catch(error => project.provide('buildFailure', String(error)));
}
