// What is shown in the place of the admin pages where they were not built.
import { createHash } from 'node:crypto';

const style =
  ':root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1.25rem}';

/** A page that says how to build them. */
export const missingPage = {
  headers: {
    'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  },
  text: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>posture-sync: the pages are not built</title>
<style>${style}</style></head>
<body><h1>The admin pages are not built</h1>
<p>The service runs, and its API answers. Started in a checkout it builds the pages by itself, which takes some seconds: load this page again then. Where they do not come, <code>npm ci && npm run build</code> in the checkout builds them and says what is wrong. The image has them.</p>
</body></html>
`,
} as const;
