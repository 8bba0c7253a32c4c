// `sign-in`: a link that signs in once, for who can reach the database and has no key at hand.
import { type Command, Option } from 'commander';
import type { Config } from '../config.ts';
import type { Request } from '../operations/devices.ts';
import { createSignInLink } from '../operations/sessions.ts';
import { type Role, roles } from '../posture/sign-in.ts';
import { addExamples, asOptions, duration } from './options.ts';
import { remark, say, sayJson, timeAndAge } from './output.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

const usuallyValidMs = 15 * 60_000;

export function registerSignIn(command: Command, to: Surroundings): void {
  addExamples(command, ['posture-sync sign-in', 'posture-sync sign-in --role viewer --valid 1h'])
    .addOption(
      new Option('--role <role>', 'what may be done: everything, or nothing but reading')
        .choices([...roles])
        .default('admin'),
    )
    .option('--valid <time>', 'it can be used for so long, from 1m to 24h', duration, usuallyValidMs)
    .action(async (options: { json?: boolean; role: Role; valid: number }) => {
      await withSession(to, {}, async ({ config, request, now }) => {
        const made = await asOptions(() => signInLink(request, config.publicUrl, options.role, options.valid));
        if (options.json) return await sayJson(to, { ...made, role: options.role });
        remark(to, `Signs in once, as ${options.role}; until ${timeAndAge(made.expiresAt, now())}.`);
        await say(to, made.url);
      });
    });
}

/**
 * @param place how people see the service
 * @returns the link. Its code stands behind the `#`, so that it is in no log and nothing that looks ahead uses it up
 */
export async function signInLink(
  request: Request,
  place: string,
  role: Role,
  validMs: number,
): Promise<{ url: string; expiresAt: Date }> {
  const { code, expiresAt } = await createSignInLink(request, role, validMs);
  return { url: `${place}/admin/sign-in#link=${code}`, expiresAt };
}

/** @param url where the service listens @returns how people see it: as PUBLIC_URL says where that was set */
export function placeOf({ publicUrl, host, port }: Config, url: string): string {
  const isSet = publicUrl !== `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return isSet ? publicUrl : url;
}
