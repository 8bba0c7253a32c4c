// What a browser is shown that comes back from an OpenID provider without being signed in: what happened and what to do, as a page that
// stands alone.
import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';

const style = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #566175; --paper: #f3f5f8; --card: #fff; --line: #dde2ea; --link: #1f56c4; --on-link: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf2; --soft: #a3aec0; --paper: #12161d; --card: #1b212b; --line: #323b49; --link: #8fb4ff; --on-link: #10151d } }
* { box-sizing: border-box }
body { margin: 0; padding: 12vh 1rem 2rem; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere }
main { max-width: 34rem; margin: 0 auto; padding: 2rem 2.25rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px }
h1 { margin: 0 0 .75rem; font-size: 1.375rem; line-height: 1.3; text-wrap: balance }
p { margin: .6rem 0 }
code { font: .9375em ui-monospace, "Cascadia Mono", Menlo, monospace }
.why { color: var(--soft); font-size: .9375rem }
.back { display: inline-block; margin-top: 1rem; padding: .55rem 1.25rem; border-radius: 6px; background: var(--link); color: var(--on-link); font-weight: 600; text-decoration: none }
.back:hover { text-decoration: underline }
.back:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px }
`;

const headers = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

export interface SignInFailure {
  status: 400 | 403 | 404 | 502 | 503;
  title: string;
  /** What to do, by paragraph. `code` between backticks. */
  todo: readonly string[];
  /** For whoever runs the service. */
  why?: string;
}

/** @param back the page on which people sign in */
export function showFailure(
  reply: FastifyReply,
  { status, title, todo, why }: SignInFailure,
  back: string,
): FastifyReply {
  const paragraphs = todo.map(text => `<p>${marked(text)}</p>`).join('\n');
  const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${html(title)}</title><style>${style}</style></head>
<body><main><h1>${html(title)}</h1>
${paragraphs}
${why === undefined ? '' : `<p class="why">${marked(why)}</p>`}
<a class="back" href="${html(back)}">Back to signing in</a></main></body></html>`;
  if (status === 503) reply.header('retry-after', '10');
  return reply.code(status).headers(headers).send(page);
}

function html(text: string): string {
  return text.replace(/[&<>"']/g, sign => `&#${sign.codePointAt(0)};`);
}

function marked(text: string): string {
  return html(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}
