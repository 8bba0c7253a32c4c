// The admin pages: starts what src/web/shell lays out, in the document that the service sends.
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './shell/shell.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './shell/app.tsx';
import { styleNonce } from './shell/theme.ts';

// What keeps the page from scrolling behind a dialog makes a style of its own, and looks for the nonce there.
Object.assign(window, { __webpack_nonce__: styleNonce() });

const root = document.getElementById('root');
if (root === null) throw new Error('the document has no place for the pages');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
