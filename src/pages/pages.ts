// The admin pages over HTTP, below /admin/: built files as they are, and for every other address there the one document that the
// pages start from, so that each of their states can be linked to. Everybody may read them: they hold no data and ask the API for it.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { noKey } from '../http/guard.ts';
import { missingPage } from './missing-page.ts';

export interface PagesParts {
  /** Where the built pages are. */
  builtPages: string;
  /** PUBLIC_URL: the pages and the API may stand below a path of it. */
  publicUrl: string;
}

const document = 'index.html';
/** As src/web/index.html has it. */
const places = { base: '<base href="/admin/" />', nonce: 'content="NONCE"' };

/** As src/web has it. */
const firstPage = 'pages/overview/overview.tsx';

/** The names of built files hold a hash of what is in them. */
const forever = 'public, max-age=31536000, immutable';

/**
 * Scripts, requests and pictures from here alone. Styles that are made in the browser carry the nonce; `style` attributes are none,
 * since scripts set them by the DOM.
 */
const contentSecurityPolicy = (nonce: string) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');

/** Adds /admin/ and what leads there. */
export function addPages(server: FastifyInstance, { builtPages, publicUrl }: PagesParts): void {
  const under = new URL(publicUrl).pathname.replace(/\/$/, '');
  const assets = path.join(builtPages, 'assets');
  const options = { schema: { hide: true }, config: { scope: noKey } } as const;
  for (const address of ['/', '/admin'])
    server.get(address, options, (_request, reply) => reply.redirect(`${under}/admin/`, 302));
  server.register(async scope => {
    await scope.register(fastifyStatic, {
      root: assets,
      serve: false,
      preCompressed: true,
      cacheControl: false,
      index: false,
    });
    scope.get<{ Params: { '*': string } }>('/admin/assets/*', options, async (request, reply) => {
      const name = request.params['*'];
      if (!/^[\w.-]+$/.test(name) || !existsSync(path.join(assets, name)))
        return await reply.code(404).send({ message: 'there is no such file of the pages' });
      reply.header('cache-control', forever);
      return await reply.sendFile(name);
    });
    scope.get<{ Params: { '*': string } }>('/admin/*', options, (request, reply) =>
      sendDocument(reply, builtPages, under, request.params['*'] === ''),
    );
  });
}

/** @param isFirst it is the first page, whose own parts the browser may then load with those of all pages */
function sendDocument(reply: FastifyReply, builtPages: string, under: string, isFirst: boolean): FastifyReply {
  const file = path.join(builtPages, document);
  reply.headers({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache' });
  if (!existsSync(file)) return reply.code(503).headers(missingPage.headers).send(missingPage.text);
  const nonce = randomBytes(16).toString('base64');
  reply.header('content-security-policy', contentSecurityPolicy(nonce));
  // Read anew each time: it is small, and a build may have replaced it.
  const text = readFileSync(file, 'utf8');
  const base = `<base href="${under}/admin/" />`;
  const early = isFirst ? `${partsOf(builtPages, firstPage)}</head>` : '</head>';
  return reply.send(
    text
      .replace(places.base, () => base)
      .replace(places.nonce, () => `content="${nonce}"`)
      .replace('</head>', () => early),
  );
}

/** What Vite's manifest tells of a built part; https://vite.dev/guide/backend-integration. */
interface BuiltPart {
  file: string;
  imports?: string[];
  css?: string[];
}

/** @returns links by which a browser loads a page's scripts and styles before the first script asks for them; none where it is not told */
function partsOf(builtPages: string, page: string): string {
  const file = path.join(builtPages, '.vite/manifest.json');
  if (!existsSync(file)) return '';
  const parts = JSON.parse(readFileSync(file, 'utf8')) as Record<string, BuiltPart | undefined>;
  const named = new Set([document, page]);
  // A set goes on with what is added meanwhile.
  for (const name of named) if (name !== document) for (const other of parts[name]?.imports ?? []) named.add(other);
  // The document has those of all pages.
  named.delete(document);
  const found = [...named].flatMap(name => parts[name] ?? []);
  return [
    ...found.map(part => `<link rel="modulepreload" crossorigin href="./${part.file}">`),
    ...found.flatMap(part => part.css ?? []).map(style => `<link rel="stylesheet" crossorigin href="./${style}">`),
  ].join('');
}
