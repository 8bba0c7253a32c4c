// Makes drizzle-orm quick to import. Its package.json is 180 kB of exports, and Node 24 takes all of it apart again for each
// of the 460 imports between its files, to learn that they are modules: 0.6 s of a core in every process.
import { registerHooks } from 'node:module';

const within = '/node_modules/drizzle-orm/';

/** From now on a file of drizzle-orm that another one names is just that file. To be called before the first import of it. */
export function shortenDrizzleImports(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const isInner = /^\.\.?\/.*\.js$/.test(specifier) && context.parentURL?.includes(within);
      if (!isInner) return next(specifier, context);
      return { url: new URL(specifier, context.parentURL).href, format: 'module', shortCircuit: true };
    },
  });
}
