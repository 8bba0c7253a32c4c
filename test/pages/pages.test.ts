// The admin pages as the service sends them: which document and files, with what a browser is told about them. What they show is tested
// in a browser, in test/browser.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addPages } from '../../src/pages/pages.ts';
import { root } from '../support/checkout.ts';
import { startService } from '../support/http.ts';

let builtPages: string;

beforeAll(() => {
  builtPages = mkdtempSync(path.join(tmpdir(), 'posture-sync-pages-'));
  mkdirSync(path.join(builtPages, 'assets'));
  writeFileSync(path.join(builtPages, 'index.html'), readFileSync(path.join(root, 'src/web/index.html')));
  writeFileSync(path.join(builtPages, 'assets/index-1.js'), 'plain()');
  writeFileSync(path.join(builtPages, 'assets/index-1.js.br'), 'smaller');
});
afterAll(() => rmSync(builtPages, { recursive: true }));

const serve = (publicUrl = 'http://127.0.0.1:8080', pages = builtPages) =>
  startService({ routes: server => addPages(server, { builtPages: pages, publicUrl }) });

describe('the document', () => {
  test('comes without a key, for whichever state of the pages an address names', async () => {
    const service = await serve();
    for (const address of ['/admin/', '/admin/devices/dev-1', '/admin/policy?tab=history', '/admin/no/such/page']) {
      const answer = await fetch(service.url + address);
      expect(answer.status, address).toBe(200);
      expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(answer.headers.get('cache-control')).toBe('no-cache');
      expect(await answer.text()).toContain('<base href="/admin/" />');
    }
  });

  test('of the first page alone names what that page is made of, so that it is loaded early', async () => {
    const pages = mkdtempSync(path.join(tmpdir(), 'posture-sync-pages-'));
    writeFileSync(path.join(pages, 'index.html'), readFileSync(path.join(root, 'src/web/index.html')));
    mkdirSync(path.join(pages, '.vite'));
    const manifest = {
      'index.html': { file: 'assets/index-1.js', css: ['assets/index-1.css'] },
      'pages/overview/overview.tsx': {
        file: 'assets/o-1.js',
        imports: ['index.html', '_parts'],
        css: ['assets/o-1.css'],
      },
      _parts: { file: 'assets/parts-1.js', imports: ['_chart', 'index.html'] },
      _chart: { file: 'assets/chart-1.js', imports: ['_parts'] },
    };
    writeFileSync(path.join(pages, '.vite/manifest.json'), JSON.stringify(manifest));
    const service = await serve(undefined, pages);
    const named = async (address: string) =>
      [...(await (await fetch(service.url + address)).text()).matchAll(/href="\.\/(assets\/[^"]+)"/g)].map(
        ([, name]) => name,
      );
    expect(await named('/admin/')).toEqual([
      'assets/o-1.js',
      'assets/parts-1.js',
      'assets/chart-1.js',
      'assets/o-1.css',
    ]);
    expect(await named('/admin/devices')).toEqual([]);
    rmSync(pages, { recursive: true });
  });

  test('is where / and /admin lead', async () => {
    const service = await serve('https://example.com/posture');
    for (const address of ['/', '/admin']) {
      const answer = await fetch(service.url + address, { redirect: 'manual' });
      expect([answer.status, answer.headers.get('location')]).toEqual([302, '/posture/admin/']);
    }
  });

  test('lets scripts, styles and requests of this origin be alone, and styles with a nonce that is new each time', async () => {
    const service = await serve();
    const seen = await Promise.all(
      [1, 2].map(async () => {
        const answer = await fetch(`${service.url}/admin/`);
        const policy = answer.headers.get('content-security-policy') ?? '';
        expect(policy).toMatch(/^default-src 'none'; script-src 'self'; /);
        expect(policy).not.toContain('unsafe');
        const [, nonce = ''] = /style-src 'self' 'nonce-([^']+)'/.exec(policy) ?? [];
        expect(await answer.text()).toContain(`<meta name="csp-nonce" content="${nonce}" />`);
        return nonce;
      }),
    );
    expect(new Set(seen).size).toBe(2);
  });

  test('says how to build the pages where they are not built', async () => {
    const service = await serve(undefined, path.join(builtPages, 'none'));
    const answer = await fetch(`${service.url}/admin/devices`);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('npm run build');
  });
});

describe('built files', () => {
  test('come compressed to who takes that, and are kept for ever', async () => {
    const service = await serve();
    const packed = await service.get('/admin/assets/index-1.js', { 'accept-encoding': 'identity' });
    expect([packed.status, await packed.text()]).toEqual([200, 'plain()']);
    const plain = await service.get('/admin/assets/index-1.js', { 'accept-encoding': 'br' });
    expect(plain.headers.get('content-encoding')).toBe('br');
    expect(plain.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  });

  test.each(['index-2.js', '..%2findex.html', 'index-1.js%2f..'])('%s is none of them', async name => {
    const service = await serve();
    expect((await service.get(`/admin/assets/${name}`)).status).toBe(404);
  });
});

test.each(['/posture/healthz', '/healthz', '/posture/admin/devices'])(
  'below a path %s is answered, whether a proxy took the path off or not',
  async address => {
    const service = await startService({
      under: '/posture',
      routes: server => addPages(server, { builtPages, publicUrl: 'https://example.com/posture' }),
    });
    expect((await service.get(address)).status).toBe(200);
    expect((await service.get('/postures/healthz')).status).toBe(401);
  },
);
