// The admin pages: starts what src/web/shell lays out, in the document that the service sends.
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './shell/shell.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './shell/app.tsx';

const root = document.getElementById('root');
if (root === null) throw new Error('the document has no place for the pages');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
