// Every text of the admin pages, a section a page, so that it is worded in one place. The service's own sentences come from the API.

export const texts = {
  shell: {
    skip: 'Go to the content',
    menu: 'Menu',
    home: 'posture-sync: overview',
    navigation: 'Pages',
    loading: 'Loading',
    theme: { label: 'Light or dark', light: 'Light', dark: 'Dark', auto: 'As the system', chosen: 'chosen' },
    account: { label: 'Account', as: 'Signed in as', reference: 'API reference' },
    live: {
      live: { label: 'Live', about: 'What is shown follows what changes.' },
      waiting: {
        label: 'Connecting',
        about: 'The connection for changes is being made; what is shown may be some time old.',
      },
      off: { label: 'Not live', about: 'Changes do not arrive. Load the page again to see them.' },
    },
    missing: {
      title: 'There is no such page',
      about: 'The address may be an old one, or mistyped.',
      back: 'Go to the overview',
    },
    broken: {
      title: 'This page broke',
      about: 'The service may have been updated meanwhile: loading the page again often helps.',
      reload: 'Load again',
    },
  },
  failure: {
    title: 'That did not work',
    retry: 'Try again',
    request: (id: string) => `Request ${id}`,
    advice: {
      unknown: 'This is a fault of the pages. Load the page again.',
      unreachable: 'Look whether the service runs and the network is up, then try again.',
      forbidden: 'Sign in with a key or role that may do this, or ask whoever manages keys.',
      missing: 'It may have been removed meanwhile.',
      tooMany: 'Wait a little, then try again.',
      failing: 'The service or its database has a problem. If it stays, look into the log of the service.',
      refused: 'Change what is named there, then try again.',
    },
  },
  times: { justNow: 'just now', soon: 'in a moment', never: 'never' },
  pager: { first: 'First', back: 'Back', next: 'Next' },
  askFirst: { cancel: 'Cancel', type: (word: string) => `Type ${word} to go on` },
  charts: {
    empty: 'Nothing was sampled in this time.',
    nothing: 'Not known: nothing was sampled.',
    showTable: 'Table',
    hideTable: 'Hide table',
    time: 'Time',
  },
  signIn: { title: 'Sign in' },
  overview: { title: 'Overview' },
  integrations: { title: 'Integrations' },
  devices: { title: 'Devices' },
  policy: { title: 'Policy' },
  audit: { title: 'Audit log' },
  settings: { title: 'Settings' },
} as const;
