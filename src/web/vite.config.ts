// How the admin pages are built: from src/web into dist/web, with every script and style also compressed, so that serving them costs
// nothing. `npm run pages` serves them as they are edited, with the API of a service on port 8080 behind them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const here = fileURLToPath(new URL('.', import.meta.url));
const service = 'http://127.0.0.1:8080';

/** Beside each file of text the same, compressed: `.br` and `.gz`. */
const compressed: Plugin = {
  name: 'compressed',
  apply: 'build',
  writeBundle({ dir = '' }) {
    const assets = path.join(dir, 'assets');
    for (const name of readdirSync(assets).filter(file => /\.(js|css|svg)$/.test(file))) {
      const content = readFileSync(path.join(assets, name));
      writeFileSync(path.join(assets, `${name}.gz`), gzipSync(content, { level: 9 }));
      const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
      writeFileSync(path.join(assets, `${name}.br`), brotliCompressSync(content, { params }));
    }
  },
};

export default defineConfig({
  root: here,
  // What is loaded is named from the document's <base>, which the service sets: so the pages work below any path.
  base: './',
  publicDir: false,
  plugins: [react(), compressed],
  build: {
    outDir: path.join(here, '../../dist/web'),
    emptyOutDir: true,
    target: 'es2022',
    // Pictures in scripts would weigh on the first load, and data: in styles would have to be allowed.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            // A browser has six connections to a service without HTTP/2: thirty small files took longer than what is in them.
            { name: 'frame', tags: ['$initial'] },
            { name: 'parts', test: /src\/web\/parts|@mantine|@tabler|@floating-ui|@tanstack/, minShareCount: 3 },
          ],
        },
      },
    },
  },
  server: { proxy: { '/api': service, '/gateway': service, '/sign-in': service, '/docs': service } },
});
