// The page that a person sees whose device was refused: what to do, what failed in plain words, and what the help desk asks for.
// It stands alone: no scripts, nothing loaded, readable on a phone, light or dark as the person has it.
import { createHash } from 'node:crypto';
import type { Refusal } from '../posture/decide.ts';
import { plainReason } from '../posture/plain-reasons.ts';
import type { Answer, GatewayOutcome } from './decisions.ts';

const style = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #566175; --paper: #f3f5f8; --card: #fff; --line: #dde2ea; --mark: #b42318; --link: #1f56c4; --on-link: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf2; --soft: #a3aec0; --paper: #12161d; --card: #1b212b; --line: #323b49; --mark: #ff9b8f; --link: #8fb4ff; --on-link: #10151d } }
* { box-sizing: border-box }
body { margin: 0; padding: 2.5rem 1rem; background: var(--paper); color: var(--ink); font: 1.0625rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere }
main { max-width: 40rem; margin: 0 auto; padding: 2rem 2.25rem; background: var(--card); border: 1px solid var(--line); border-top: 4px solid var(--mark); border-radius: 8px }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; text-wrap: balance }
.lead { margin: .6rem 0 0; color: var(--soft) }
h2 { margin: 2rem 0 .5rem; font-size: 1.0625rem }
p { margin: .5rem 0 }
ul { margin: .5rem 0; padding-left: 1.25rem }
li { margin: .35rem 0 }
.posture { margin: .75rem 0 0; padding-left: 1rem; border-left: 3px solid var(--line) }
.again { display: inline-block; margin-top: .75rem; padding: .55rem 1.25rem; border-radius: 6px; background: var(--link); color: var(--on-link); font-weight: 600; text-decoration: none }
.again:hover { text-decoration: underline }
.again:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px }
.details { margin-top: 2rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .9375rem }
.details h2 { margin-top: 0; color: var(--ink); font-size: .9375rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.25rem; margin: 0 }
dd { margin: 0; color: var(--ink); font-family: ui-monospace, "Cascadia Mono", Menlo, monospace }
@media (max-width: 30rem) { body { padding: 0; background: var(--card) } main { padding: 1.5rem 1.25rem; border-width: 4px 0 0; border-radius: 0 } dl { grid-template-columns: 1fr; gap: 0 } dd { margin-bottom: .5rem } }
`;

/** Of answers with the page, each name followed by its value. Nothing but its own style may be used; other pages of the same site keep their own policy. */
// biome-ignore format: a header a line
export const pageHeaders: readonly string[] = [
  'content-type', 'text/html; charset=utf-8',
  'content-security-policy', `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'`,
  'x-content-type-options', 'nosniff',
  'referrer-policy', 'no-referrer',
  'vary', 'accept',
];

interface Told {
  title: string;
  lead: string;
  todo: string;
}

const askHelpDesk = 'Ask your help desk, and give them the details below.';
const later: Told = {
  title: 'Your device cannot be checked right now',
  lead: 'The service that checks devices does not have what it needs. This is not about your device.',
  todo: 'Try again in a few minutes. If it goes on, tell your help desk the details below.',
};
const notAllowed: Told = {
  title: 'You have no access from this device',
  lead: 'No rule gives this device access to what you want to reach.',
  todo: `If you need it for your work, ask for access. ${askHelpDesk}`,
};
const notSetUp: Told = {
  title: 'You cannot get any further here',
  lead: 'What is to be checked of devices is not set up rightly. This is not about your device.',
  todo: `You can do nothing about it. ${askHelpDesk}`,
};

const texts: Readonly<Record<GatewayOutcome, Told>> = {
  allowed: {
    title: 'Your device passes now',
    lead: 'It was refused a moment ago, and would be let through now.',
    todo: 'Try again.',
  },
  posture: {
    title: 'This device does not pass the check',
    lead: 'What you want to reach is open to devices that are in good order. Something about this one is not, or not known.',
    todo: askHelpDesk,
  },
  no_device: {
    title: 'This device is not known here',
    lead: 'What you want to reach is open to known devices only, and it could not be told which device this is.',
    todo: `Use a device of your organisation, in the usual way. If you do: ${askHelpDesk.charAt(0).toLowerCase()}${askHelpDesk.slice(1)}`,
  },
  devices_differ: {
    title: 'It is not clear which device this is',
    lead: 'What identifies this device belongs to different devices.',
    todo: askHelpDesk,
  },
  other_user: {
    title: 'This device belongs to somebody else',
    lead: 'You are signed in as another user than the one this device belongs to.',
    todo: `Use your own device. ${askHelpDesk}`,
  },
  no_rule: notAllowed,
  condition: notAllowed,
  unknown_resource: notAllowed,
  unknown_posture: notSetUp,
  no_policy: notSetUp,
  policy_unreadable: notSetUp,
  view_loading: later,
  view_stale: later,
  internal_error: later,
};

/** @returns the page for an answer; of one that allows, the page says that trying again will do */
export function refusalPage({ id, at, outcome, device, refusals, refresh }: Answer): string {
  const { title, lead, todo } = texts[outcome];
  const name = device === null ? null : (device.hostname ?? device.id);
  const resolutions = [...new Set(refusals.flatMap(({ resolution }) => resolution ?? []))];
  const refreshed =
    refresh === null
      ? ''
      : '<p>Newer information about this device has just been asked for. It may pass in a few seconds: try again.</p>';
  const details: [string, string][] = [
    ['Decision', id],
    ['Time', `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`],
    ...(name === null ? [] : [['Device', name] as [string, string]]),
    ['Code', outcome],
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p class="lead">${escaped(lead)}</p>
<h2>What to do</h2>
${resolutions.length > 1 ? `<p>One of these:</p>\n${list(resolutions)}` : `<p>${escaped(resolutions[0] ?? todo)}</p>`}
${refreshed}
<p><a class="again" href="">Try again</a></p>
${failures(refusals, at)}
<section class="details">
<h2>For the help desk</h2>
<dl>
${details.map(([term, text]) => `<dt>${term}</dt><dd><bdi>${escaped(text)}</bdi></dd>`).join('\n')}
</dl>
</section>
</main>
</body>
</html>
`;
}

function failures(refusals: readonly Refusal[], at: number): string {
  if (refusals.length === 0) return '';
  const parts = refusals.map(({ description, reasons }) => {
    const about = description === null ? '' : `<p>Needed: ${escaped(description)}</p>\n`;
    const items = [...new Set(reasons.map(reason => plainReason(reason, at)))];
    return `<div class="posture">\n${about}${list(items)}\n</div>`;
  });
  const intro = refusals.length > 1 ? '\n<p>One of these would be enough:</p>' : '';
  return `<h2>What failed</h2>${intro}\n${parts.join('\n')}`;
}

function list(items: readonly string[]): string {
  return `<ul>\n${items.map(text => `<li>${escaped(text)}</li>`).join('\n')}\n</ul>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control characters, and those that turn the direction of a text, are left out: names come from devices. */
function escaped(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, ' ').replace(/[&<>"']/g, character => entities[character] ?? '');
}
