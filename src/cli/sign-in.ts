// `sign-in`: a link that signs in once, for who can reach the database and has no key at hand.
import { type Command, Option } from 'commander';
import type { Config } from '../config.ts';
import { AppError } from '../errors.ts';
import type { Request } from '../operations/devices.ts';
import { createSignInLink } from '../operations/sessions.ts';
import { type Role, roles, signInPage } from '../posture/sign-in.ts';
import { addExamples, asOptions, duration } from './options.ts';
import { remark, say, sayJson, timeAndAge } from './output.ts';
import { withSession } from './session.ts';
import type { Surroundings } from './surroundings.ts';

const usuallyValidMs = 15 * 60_000;

export function registerSignIn(command: Command, to: Surroundings): void {
  addExamples(command, [
    'posture-sync sign-in',
    'posture-sync sign-in --role viewer --valid 1h',
    "posture-sync sign-in --open '/admin/devices?q=anna'",
  ])
    .addOption(
      new Option('--role <role>', 'what may be done: everything, or nothing but reading')
        .choices([...roles])
        .default('admin'),
    )
    .option('--valid <time>', 'it can be used for so long, from 1m to 24h', duration, usuallyValidMs)
    .option('--open <path>', 'the page that it leads to', '/admin/')
    .action(async (options: { json?: boolean; role: Role; valid: number; open: string }) => {
      await withSession(to, {}, async ({ config, request, now }) => {
        const made = await asOptions(() => signInLink(request, config.publicUrl, options));
        if (options.json) return await sayJson(to, { ...made, role: options.role });
        remark(to, `Signs in once, as ${options.role}; until ${timeAndAge(made.expiresAt, now())}.`);
        await say(to, made.url);
      });
    });
}

/**
 * @param place how people see the service
 * @param wanted how long it is valid, in ms, and the path of the page that it leads to
 * @returns the link. Its code stands behind the `#`, so that it is in no log and nothing that looks ahead uses it up
 */
export async function signInLink(
  request: Request,
  place: string,
  { role, valid, open = '/admin/' }: { role: Role; valid: number; open?: string },
): Promise<{ url: string; expiresAt: Date }> {
  const page = signInPage(open);
  if (page === null)
    throw new AppError('invalid', 'open: the path of a page below /admin/, as in /admin/devices?q=anna');
  const { code, expiresAt } = await createSignInLink(request, role, valid);
  return { url: `${place}${page}#link=${code}`, expiresAt };
}

/** @param url where the service listens @returns how people see it: as PUBLIC_URL says where that was set */
export function placeOf({ publicUrl, host, port }: Config, url: string): string {
  const isSet = publicUrl !== `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return isSet ? publicUrl : url;
}
