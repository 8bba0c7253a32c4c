// Fails when src/store/schema*.ts say something that no migration does: lets drizzle-kit generate into a copy of the
// migrations, and nothing may come out. Run by `npm run drift`.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** @returns what a new migration would hold, '' if there is nothing to migrate */
export function missingMigration(migrations: string, schema: string): string {
  const copy = mkdtempSync(path.join(tmpdir(), 'posture-sync-drift-'));
  try {
    cpSync(migrations, path.join(copy, 'drizzle'), { recursive: true });
    const known = new Set(readdirSync(path.join(copy, 'drizzle')));
    const kit = path.join(root, 'node_modules/drizzle-kit/bin.cjs');
    // Its own directory, since drizzle-kit takes `out` as relative to where it runs.
    const options = ['--dialect=postgresql', `--schema=${schema}`, '--out=drizzle', '--name=drift'];
    const run = spawnSync(process.execPath, [kit, 'generate', ...options], {
      cwd: copy,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // Where it wants to ask whether something was renamed it fails without a terminal: that is drift as well.
    if (run.status !== 0) return `drizzle-kit generate failed:\n${run.stdout}${run.stderr}`;
    const added = readdirSync(path.join(copy, 'drizzle')).filter(name => name.endsWith('.sql') && !known.has(name));
    if (added.length === 0 && !run.stdout.includes('No schema changes'))
      return `drizzle-kit said neither yes nor no:\n${run.stdout}`;
    return added.map(name => readFileSync(path.join(copy, 'drizzle', name), 'utf8')).join('\n');
  } finally {
    rmSync(copy, { recursive: true });
  }
}

if (import.meta.main) {
  const missing = missingMigration(path.join(root, 'drizzle'), path.join(root, 'src/store/schema*.ts'));
  if (missing !== '') {
    console.error(
      `The schema and the migrations differ. Run "npx drizzle-kit generate" and look at what it writes:\n\n${missing}`,
    );
    process.exit(1);
  }
}
