// The admin pages: starts what src/web/shell lays out, in the document that the service sends.
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './shell/shell.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './shell/app.tsx';
import { styleNonce } from './shell/theme.ts';

const root = document.getElementById('root');
if (root === null) throw new Error('the document has no place for the pages');
// Dialogs keep the page behind them from scrolling by a style made here; what makes it looks there for the nonce.
Object.assign(globalThis, { __webpack_nonce__: styleNonce() });
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
