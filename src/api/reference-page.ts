// The API as a page for people, /docs: made of the same document as /openapi.json, without scripts. A browser asks for a key as user name.
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { type Description, keyRefusals, textAnswer } from '../http/described.ts';
import { anyKey } from '../http/guard.ts';

const style = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #566175; --paper: #f3f5f8; --card: #fff; --line: #dde2ea; --link: #1f56c4; --get: #1f56c4; --post: #176c3a; --patch: #8a5a00; --delete: #b42318 }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf2; --soft: #a3aec0; --paper: #12161d; --card: #1b212b; --line: #323b49; --link: #8fb4ff; --get: #8fb4ff; --post: #7fd6a2; --patch: #f0c36d; --delete: #ff9b8f } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem }
h1 { margin: 0 0 .5rem; font-size: 1.75rem }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.25rem }
a { color: var(--link) }
.lead { color: var(--soft); max-width: 45rem }
nav ul { columns: 2; margin: .75rem 0 0; padding-left: 1.1rem }
details { margin: .5rem 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px }
summary { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: baseline; padding: .6rem 1rem; cursor: pointer }
summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
.method { min-width: 4.2rem; font: 700 .8125rem ui-monospace, Menlo, monospace }
.get { color: var(--get) } .post, .put { color: var(--post) } .patch { color: var(--patch) } .delete { color: var(--delete) }
code { font: .9em ui-monospace, "Cascadia Mono", Menlo, monospace }
.what { color: var(--soft) }
.body { padding: 0 1rem 1rem; border-top: 1px solid var(--line); overflow-x: auto }
h3 { margin: 1rem 0 .35rem; font-size: .9375rem }
table { border-collapse: collapse; width: 100% }
th, td { padding: .3rem .75rem .3rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line); font-size: .9375rem }
td code, th { overflow-wrap: normal; white-space: nowrap }
th { font-weight: 600; border-top: 0; color: var(--soft) }
.d1 { padding-left: 1.25rem } .d2 { padding-left: 2.5rem } .d3 { padding-left: 3.75rem }
@media (max-width: 40rem) { nav ul { columns: 1 } }
`;

const headers = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

/** What of JSON Schema stands in the document. */
interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  additionalProperties?: Schema | boolean;
}

interface Operation {
  summary?: string;
  description?: string;
  tags?: string[];
  'x-scope'?: string;
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema?: Schema }[];
  requestBody?: { content?: Record<string, { schema?: Schema }> };
  responses?: Record<string, { content?: Record<string, { schema?: Schema }> }>;
}

interface Document {
  info: { title: string; version: string; description?: string };
  paths?: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

/** Adds /docs. @param document gives what /openapi.json has */
export function addReferencePage(server: FastifyInstance, document: () => unknown): void {
  let page: string | null = null;
  const described: Description = {
    ...{ tags: ['Service'], summary: 'Show all routes as a page', operationId: 'getReferencePage' },
    response: { 200: textAnswer('For a browser, which asks for a key as user name.', 'text/html'), ...keyRefusals() },
  };
  const config = { scope: anyKey, isBare: true, asksBrowsers: true, described } as const;
  server.get('/docs', { config }, (_request, reply) => {
    page ??= referencePage(document() as Document);
    return reply.headers(headers).send(page);
  });
}

/** @returns the page, by sections as the operations are tagged; those for gateways come last */
export function referencePage(document: Document): string {
  const sections = new Map<string, string[]>();
  for (const [path, item] of Object.entries(document.paths ?? {}))
    for (const [method, operation] of Object.entries(item)) {
      const title = operation.tags?.[0] ?? 'Gateways, health and the rest';
      sections.set(title, [...(sections.get(title) ?? []), operationHtml(document, path, method, operation)]);
    }
  const sorted = [...sections].sort(([, a], [, b]) => Number(a.length > 20) - Number(b.length > 20));
  const id = (title: string) => title.toLowerCase().replace(/\W+/g, '-');
  const { title, version, description = '' } = document.info;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>API of ${html(title)}</title><style>${style}</style></head>
<body><main><h1>API of ${html(title)} <small>${html(version)}</small></h1><p class="lead">${marked(description)}</p>
<p class="lead">For programs: <a href="openapi.json">openapi.json</a>.</p>
<nav aria-label="Sections"><ul>${sorted.map(([name]) => `<li><a href="#${id(name)}">${html(name)}</a></li>`).join('')}</ul></nav>
${sorted.map(([name, operations]) => `<section><h2 id="${id(name)}">${html(name)}</h2>${operations.join('')}</section>`).join('\n')}
</main></body></html>`;
}

function operationHtml(document: Document, path: string, method: string, operation: Operation): string {
  const { summary = '', description, parameters = [], requestBody, responses = {} } = operation;
  const body = requestBody?.content?.['application/json']?.schema;
  const answered = Object.entries(responses).find(([status]) => status.startsWith('2'))?.[1];
  const answer = answered?.content?.['application/json']?.schema;
  const rows = parameters.map(parameter => {
    const about = [parameter.in, parameter.required ? 'needed' : ''].filter(Boolean).join(', ');
    return row(parameter.name, `${typeOf(document, parameter.schema ?? {})} (${about})`, parameter.description);
  });
  return `<details><summary><span class="method ${html(method)}">${html(method.toUpperCase())}</span><code>${html(path)}</code><span class="what">${html(summary)}</span></summary>
<div class="body">${description === undefined ? '' : `<p>${marked(description)}</p>`}<p class="what">Needs <code>${html(operation['x-scope'] ?? '')}</code></p>
${table('Parameters', rows)}${table('Body', body === undefined ? [] : fields(document, body))}${table('Answer', answer === undefined ? [] : fields(document, answer))}</div></details>`;
}

function table(title: string, rows: readonly string[]): string {
  if (rows.length === 0) return '';
  return `<h3>${title}</h3><table><thead><tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col">Meaning</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

const row = (name: string, type: string, about = '', depth = 0) =>
  `<tr><td class="d${depth}"><code>${html(name)}</code></td><td>${html(type)}</td><td>${marked(about)}</td></tr>`;

const deepest = 3;

/** Fields of an object, and of objects and lists of objects within it. */
function fields(document: Document, schema: Schema, depth = 0): string[] {
  const whole = resolved(document, schema);
  const rows: string[] = [];
  for (const [name, field] of Object.entries(whole.properties ?? {})) {
    const inner = resolved(document, field);
    const type = `${typeOf(document, field)}${whole.required?.includes(name) ? '' : ', optional'}`;
    rows.push(row(name, type, inner.description, depth));
    const below = inner.items ?? inner.anyOf?.find(each => resolved(document, each).properties) ?? inner;
    if (depth < deepest) rows.push(...fields(document, below, depth + 1));
  }
  return rows;
}

function resolved(document: Document, schema: Schema): Schema {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : (document.components?.schemas?.[name] ?? {});
}

function typeOf(document: Document, schema: Schema): string {
  const { type, enum: known, items, anyOf, const: only } = resolved(document, schema);
  if (only !== undefined) return JSON.stringify(only);
  if (known !== undefined) return known.map(value => JSON.stringify(value)).join(' | ');
  if (anyOf !== undefined) return anyOf.map(each => typeOf(document, each)).join(' | ');
  if (items !== undefined) return `list of ${typeOf(document, items)}`;
  return [type ?? 'anything'].flat().join(' | ');
}

function html(text: string): string {
  return text.replace(/[&<>"]/g, sign => `&#${sign.codePointAt(0)};`);
}

/** Code between backticks is shown as such. */
function marked(text: string): string {
  return html(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}
