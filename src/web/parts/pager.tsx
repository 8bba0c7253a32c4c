// From page to page of a list that the service gives by cursor. The cursor of the page shown stands in the address, so that it can be
// linked to and the browser's back button goes back one.
import { Button, Group, Text } from '@mantine/core';
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react';
import { type ReactNode, useEffect } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { texts } from '../texts.ts';

/** The search parameter that holds the cursor of the page shown. */
export const cursorParam = 'cursor';

/**
 * A later page may have emptied since: then the first is shown.
 * @param rows of the page shown; undefined: not answered yet @param nextCursor as the service answered it
 * @returns whether there is nothing in the whole list
 */
export function useNone(rows: readonly unknown[] | undefined, nextCursor: string | null | undefined): boolean {
  const [params, setParams] = useSearchParams();
  const isFirst = !params.has(cursorParam);
  const isEnd = rows?.length === 0 && (nextCursor ?? null) === null;
  useEffect(() => {
    if (isEnd && !isFirst) setParams(withCursor(null), { replace: true, preventScrollReset: true });
  }, [isEnd, isFirst, setParams]);
  return isEnd && isFirst;
}

function withCursor(cursor: string | null): (given: URLSearchParams) => URLSearchParams {
  return given => {
    const next = new URLSearchParams(given);
    if (cursor === null) next.delete(cursorParam);
    else next.set(cursorParam, cursor);
    return next;
  };
}

interface PagerProps {
  /** As the service answered it. */
  nextCursor: string | null | undefined;
  /** Of lists that also go back: what a page that was opened by a link goes back to. */
  previousCursor?: string | null | undefined;
  /** Which part of how many is shown, where that is known. */
  about?: ReactNode;
}

export function Pager({ nextCursor, previousCursor, about }: PagerProps) {
  const [params, setParams] = useSearchParams();
  const navigate = useNavigate();
  const isFirst = !params.has(cursorParam);
  if (isFirst && (nextCursor ?? null) === null)
    return about === undefined ? null : (
      <Text size="sm" c="dimmed">
        {about}
      </Text>
    );
  const go = (cursor: string | null) =>
    setParams(withCursor(cursor), { preventScrollReset: true, state: { isPaged: true } });
  const back = () => {
    // What came before is in the browser's history, unless this page was opened by a link.
    if ((window.history.state as { usr?: { isPaged?: boolean } } | null)?.usr?.isPaged === true) navigate(-1);
    else go(previousCursor ?? null);
  };
  return (
    <Group justify="space-between">
      <Text size="sm" c="dimmed">
        {about}
      </Text>
      <Group gap="xs">
        <Button variant="default" size="xs" disabled={isFirst} onClick={() => go(null)}>
          {texts.pager.first}
        </Button>
        <Button
          variant="default"
          size="xs"
          disabled={isFirst}
          leftSection={<IconChevronLeft size={14} aria-hidden />}
          onClick={back}
        >
          {texts.pager.back}
        </Button>
        <Button
          variant="default"
          size="xs"
          disabled={(nextCursor ?? null) === null}
          rightSection={<IconChevronRight size={14} aria-hidden />}
          onClick={() => go(nextCursor ?? null)}
        >
          {texts.pager.next}
        </Button>
      </Group>
    </Group>
  );
}
