// A search that stands in the address: what is typed is asked for once typing rests.
import { CloseButton, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';

export const searchParam = 'search';
const restsMs = 300;

export function SearchBox({ label }: { label: string }) {
  const [params, change] = useUrlState();
  const asked = params.get(searchParam) ?? '';
  const [typed, setTyped] = useState(asked);
  const ask = useDebouncedCallback(
    (text: string) => change({ [searchParam]: text.trim() }, { replace: true }),
    restsMs,
  );
  // Somebody went back, or followed a link.
  useEffect(() => setTyped(now => (now.trim() === asked ? now : asked)), [asked]);
  const type = (text: string) => {
    setTyped(text);
    ask(text);
  };
  return (
    <TextInput
      value={typed}
      onChange={event => type(event.currentTarget.value)}
      placeholder={label}
      aria-label={label}
      maxLength={256}
      leftSection={<IconSearch size={16} aria-hidden />}
      rightSection={
        typed === '' ? null : (
          <CloseButton size="sm" aria-label={texts.integrations.agents.clear} onClick={() => type('')} />
        )
      }
      flex="1 1 16rem"
      maw={420}
    />
  );
}
