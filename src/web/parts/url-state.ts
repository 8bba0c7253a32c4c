// State that stands in the address: what is chosen on a page can be linked to, and the back button undoes it.
import { useCallback } from 'react';
import { useSearchParams } from 'react-router';
import { cursorParam } from './pager.tsx';

/** Values by parameter; null and '' take one away. */
export type Changes = Readonly<Record<string, string | readonly string[] | null>>;

/**
 * @returns the search parameters, and a function that changes some of them. A change of what is listed goes back to the first page.
 *   With `replace` the back button does not stop there: for what is typed
 */
export function useUrlState(): [URLSearchParams, (changes: Changes, options?: { replace?: boolean }) => void] {
  const [params, setParams] = useSearchParams();
  const change = useCallback(
    (changes: Changes, { replace = false }: { replace?: boolean } = {}) => {
      setParams(
        given => {
          const next = new URLSearchParams(given);
          next.delete(cursorParam);
          for (const [name, value] of Object.entries(changes)) {
            next.delete(name);
            for (const each of [value ?? []].flat()) if (each !== '') next.append(name, each);
          }
          return next;
        },
        { replace, preventScrollReset: true },
      );
    },
    [setParams],
  );
  return [params, change];
}
