// `webhook create|list|show|update|remove|enable|disable|rotate|test`.
import { type Command, Option } from 'commander';
import {
  createWebhook,
  disableWebhook,
  enableWebhook,
  removeWebhook,
  rotateWebhookSecret,
  testWebhook,
  updateWebhook,
  viewDeliveries,
  viewWebhook,
  viewWebhooks,
  waitForTest,
} from '../operations/webhooks.ts';
import { noticeCatalogue } from '../posture/notices.ts';
import { type DeliveryState, deliveryStates } from '../store/deliveries.ts';
import { startNotices } from '../sync/notices.ts';
import { asOptions, commaList, declare, wholeNumber } from './options.ts';
import { counted, remark, say, sayJson, table } from './output.ts';
import { withSession } from './session.ts';
import { Failed, type Surroundings, wrongUse } from './surroundings.ts';
import { deliveryLines, listLines, webhookLines } from './webhook-text.ts';
import { workerContext } from './worker-context.ts';

export function registerWebhook(group: Command, to: Surroundings): void {
  registerCreate(group, to);
  registerList(group, to);
  registerShow(group, to);
  registerUpdate(group, to);
  registerRemove(group, to);
  registerSwitches(group, to);
  registerRotate(group, to);
  registerTest(group, to);
}

const noticesAbout = 'kinds of notices that it gets, separated by commas';

function kindsHelp(): string {
  const rows = Object.entries(noticeCatalogue).map(([kind, { about }]) => [`  ${kind}`, about]);
  return `\nKinds of notices:\n${table(['', ''], rows).join('\n')}`;
}

/** The secret alone on standard output, so that it can be piped. */
async function saySecret(to: Surroundings, secret: string, about: readonly string[]): Promise<void> {
  for (const line of about) remark(to, line);
  await say(to, secret);
}

function registerCreate(group: Command, to: Surroundings): void {
  declare(group, 'create', 'add a webhook; the secret that its notices are signed with is shown once', [
    'posture-sync webhook create --name pager --url https://hooks.example.com/posture --notices integration.paused,integration.held,integration.failing,integration.recovered',
    'posture-sync webhook create --name siem --url https://siem.example.com/in?source=posture --json',
  ])
    .requiredOption('--name <name>', 'what to call it')
    .requiredOption('--url <url>', 'where notices are posted to, https')
    .option('--notices <kinds>', `${noticesAbout}; all if not given`, commaList)
    .addHelpText('after', kindsHelp())
    .action(async (options: { json?: boolean; name: string; url: string; notices?: string[] }) => {
      await withSession(to, { needsKeys: true }, async ({ request, keys, allowedHosts, now }) => {
        const whole = { ...request, keys, allowedHosts };
        const { secret, view } = await asOptions(() => createWebhook(whole, options));
        if (options.json) return await sayJson(to, { ...view, secret });
        const first = `Added the webhook ${view.name}. Keep its secret now: it is not shown again.`;
        await saySecret(to, secret, [first, ...webhookLines(view, now())]);
      });
    });
}

function registerList(group: Command, to: Surroundings): void {
  declare(group, 'list', 'list webhooks and how their receivers do', ['posture-sync webhook list']).action(
    async (options: { json?: boolean }) => {
      await withSession(to, {}, async ({ request, now }) => {
        const views = await viewWebhooks(request);
        if (options.json) for (const view of views) await sayJson(to, view);
        else for (const line of listLines(views, now())) await say(to, line);
      });
    },
  );
}

function registerShow(group: Command, to: Surroundings): void {
  declare(group, 'show <webhook>', 'show a webhook, by name or id, and its newest notices', [
    'posture-sync webhook show pager',
    'posture-sync webhook show pager --last 100 --json',
  ])
    .option('--last <n>', 'how many notices', wholeNumber(0, 1_000), 20)
    .addOption(new Option('--state <state>', 'only notices in this state').choices(deliveryStates))
    .action(async (name: string, options: { json?: boolean; last: number; state?: DeliveryState }) => {
      await withSession(to, {}, async ({ request, now }) => {
        const view = await viewWebhook(request, name);
        const { deliveries } = await viewDeliveries(request, view.id, options.last, null, options.state ?? null);
        if (options.json) return await sayJson(to, { ...view, deliveries });
        for (const line of [...webhookLines(view, now()), ...deliveryLines(deliveries, now())]) await say(to, line);
      });
    });
}

function registerUpdate(group: Command, to: Surroundings): void {
  declare(group, 'update <webhook>', "change a webhook's name, URL or notices; what is not given stays", [
    'posture-sync webhook update pager --url https://hooks.example.com/v2/posture',
    'posture-sync webhook update pager --notices integration.paused,device.posture_failed',
  ])
    .option('--name <name>', 'what to call it from now on')
    .option('--url <url>', 'where notices are posted to, https')
    .option('--notices <kinds>', noticesAbout, commaList)
    .addHelpText('after', kindsHelp())
    .action(async (name: string, given: { json?: boolean; name?: string; url?: string; notices?: string[] }) => {
      const { json, ...changes } = given;
      if (Object.keys(changes).length === 0) wrongUse('nothing to change: give --name, --url or --notices');
      await withSession(to, {}, async ({ request, allowedHosts }) => {
        const { changed, view } = await asOptions(() => updateWebhook({ ...request, allowedHosts }, name, changes));
        if (json) return await sayJson(to, { ...view, changed });
        await say(to, changed.length === 0 ? 'Nothing changed.' : `${view.name}: changed ${changed.join(', ')}.`);
      });
    });
}

function registerRemove(group: Command, to: Surroundings): void {
  declare(group, 'remove <webhook>', 'remove a webhook, with the notices that wait for it', [
    'posture-sync webhook remove pager',
  ]).action(async (name: string, options: { json?: boolean }) => {
    await withSession(to, {}, async ({ request }) => {
      const removed = await removeWebhook(request, name);
      if (options.json) return await sayJson(to, removed);
      const lost = removed.waiting === 0 ? '' : `, and ${counted(removed.waiting, 'notice')} that waited`;
      await say(to, `Removed the webhook ${removed.webhook}${lost}.`);
    });
  });
}

function registerSwitches(group: Command, to: Surroundings): void {
  const verbs = [
    ['enable', 'send notices to a webhook again, at first those that waited', enableWebhook, 'enabled'],
    [
      'disable',
      'send nothing to a webhook until it is enabled; what happens meanwhile it never gets',
      disableWebhook,
      'disabled',
    ],
  ] as const;
  for (const [verb, about, act, done] of verbs)
    declare(group, `${verb} <webhook>`, about, [`posture-sync webhook ${verb} pager`]).action(
      async (name: string, options: { json?: boolean }) => {
        await withSession(to, {}, async ({ request }) => {
          const isChanged = await act(request, name);
          if (options.json) return await sayJson(to, await viewWebhook(request, name));
          await say(to, isChanged ? `${name} is ${done}.` : `${name} was ${done} already.`);
        });
      },
    );
}

function registerRotate(group: Command, to: Surroundings): void {
  declare(group, 'rotate <webhook>', 'give a webhook another secret; for a day the one before signs too', [
    'posture-sync webhook rotate pager',
    'posture-sync webhook rotate pager --at-once',
  ])
    .option('--at-once', 'the secret before signs no more: it may be known to others')
    .action(async (name: string, options: { json?: boolean; atOnce?: boolean }) => {
      await withSession(to, { needsKeys: true }, async ({ request, keys, now }) => {
        const atOnce = options.atOnce === true;
        const { secret, view } = await rotateWebhookSecret({ ...request, keys }, name, { atOnce });
        if (options.json) return await sayJson(to, { ...view, secret });
        const first = `${view.name} has another secret. Keep it now: it is not shown again.`;
        await saySecret(to, secret, [first, ...webhookLines(view, now())]);
      });
    });
}

/** A worker begins within a second. */
const workerWithinMs = 2_000;
/** Longer than a receiver may take. */
const answerWithinMs = 30_000;

function registerTest(group: Command, to: Surroundings): void {
  declare(group, 'test <webhook>', 'send a test notice to a webhook, and tell what its receiver answered', [
    'posture-sync webhook test pager',
  ]).action(async (name: string, options: { json?: boolean }) => {
    await withSession(to, { needsKeys: true, endsItself: true }, async session => {
      const { request, db } = session;
      const test = await testWebhook(request, name);
      let delivery = await waitForTest(request, test, workerWithinMs, to.stop);
      if (delivery?.attempts === 0) {
        // No worker took it: this command is one, for whatever waits.
        const { context, egress } = workerContext(session);
        const notices = startNotices({ ...context, pool: db });
        try {
          delivery = await waitForTest(request, test, answerWithinMs, to.stop);
        } finally {
          await notices.stop();
          egress.close();
        }
      }
      if (delivery === null) throw new Failed();
      if (options.json) await sayJson(to, delivery);
      else if (delivery.state === 'delivered') await say(to, `${name} took the notice (${delivery.status}).`);
      else await say(to, `${name} has not taken the notice: ${delivery.error ?? 'others wait before it'}`);
      if (delivery.state !== 'delivered') throw new Failed();
    });
  });
}
