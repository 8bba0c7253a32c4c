// What every page stands in: theme, kept answers, routes.
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { setNonce } from 'get-nonce';
import { useState } from 'react';
import { RouterProvider } from 'react-router/dom';
import { createQueries } from '../api/queries.ts';
import { createRouter } from './routes.tsx';
import { styleNonce, theme, variables } from './theme.ts';

// What keeps the page from scrolling behind a dialog makes a style too, and asks for the nonce there.
setNonce(styleNonce());

/** Long enough to be read twice, since it is not seen at once. */
const toldMs = 8_000;

export function App() {
  const [queries] = useState(createQueries);
  const [router] = useState(() => createRouter(queries));
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={variables}
      defaultColorScheme="auto"
      getStyleNonce={styleNonce}
    >
      <QueryClientProvider client={queries}>
        <Notifications position="bottom-right" autoClose={toldMs} />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}
