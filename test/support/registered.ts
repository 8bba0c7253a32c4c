// Makes the fake provider known to operations, which look providers up in the registry. To be imported for that.
import type { Provider } from '../../src/providers/provider.ts';
import { providers } from '../../src/providers/registry.ts';
import { FakeConsole, fakeProvider } from './fake-provider.ts';

/** Its consoles are never asked: runs get theirs from the test. */
const registered: Provider = fakeProvider(() => new FakeConsole());

(providers as Map<string, Provider>).set(registered.id, registered);
