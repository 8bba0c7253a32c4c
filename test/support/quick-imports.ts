// Each test file imports the store in a process of its own: as quickly as the service does.
import { shortenDrizzleImports } from '../../src/store/drizzle-imports.ts';

shortenDrizzleImports();
