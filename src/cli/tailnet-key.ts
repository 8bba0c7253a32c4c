// The key of the import on schedule: from the configuration, or from the file that it names, which may be replaced at any time.
import { readFile } from 'node:fs/promises';
import type { Config } from '../config.ts';
import { ProviderError } from '../errors.ts';

/** @throws ProviderError settings where the file holds none */
export async function readScheduledKey({ key }: NonNullable<Config['tailscaleImport']>): Promise<string> {
  if ('text' in key) return key.text;
  const fail = (what: string) => new ProviderError('settings', `TAILSCALE_IMPORT_KEY_FILE ${key.file} ${what}`);
  const text = await readFile(key.file, 'utf8').catch(error => {
    throw fail(`cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'})`);
  });
  const found = text.trim();
  if (!/^[\x21-\x7e]{1,1000}$/.test(found)) throw fail('does not hold an access token');
  return found;
}
