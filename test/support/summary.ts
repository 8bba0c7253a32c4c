// The last words of a test run: every skipped test by name, then one plain line with the counts. What fails outside of a
// test (a file that does not load, a hook, an error nobody caught) counts as failed too.
import type { SerializedError } from 'vitest';
import type { Reporter, TestModule } from 'vitest/node';

export class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    const skipped: string[] = [];
    for (const file of modules) {
      counts.failed += file.errors().length;
      for (const suite of file.children.allSuites()) counts.failed += suite.errors().length;
      for (const test of file.children.allTests()) {
        const result = test.result();
        counts[result.state]++;
        const note = result.state === 'skipped' && result.note ? ` (${result.note})` : '';
        if (result.state === 'skipped') skipped.push(`SKIPPED: ${file.relativeModuleId} > ${test.fullName}${note}`);
      }
    }
    // A run that was cut short did not pass.
    counts.failed += counts.pending;
    const end = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
    process.stdout.write(`\n${[...skipped, `${counts.passed} passed, ${counts.failed} failed${end}`].join('\n')}\n`);
  }
}
