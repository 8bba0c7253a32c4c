// A search that stands in the address: what is typed is asked for once typing rests.
import { CloseButton, TextInput, type TextInputProps } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { texts } from '../texts.ts';
import { useUrlState } from './url-state.ts';

const restsMs = 250;

interface SearchBoxProps extends TextInputProps {
  /** The search parameter that holds what is searched for. */
  param: string;
  label: string;
}

export function SearchBox({ param, label, placeholder = label, ...props }: SearchBoxProps) {
  const [params, change] = useUrlState();
  const asked = params.get(param) ?? '';
  const [typed, setTyped] = useState(asked);
  const ask = useDebouncedCallback((text: string) => change({ [param]: text.trim() }, { replace: true }), restsMs);
  // The back button, a link and "clear" change it too.
  useEffect(() => setTyped(now => (now.trim() === asked ? now : asked)), [asked]);
  const type = (text: string) => {
    setTyped(text);
    ask(text);
  };
  return (
    <TextInput
      type="search"
      aria-label={label}
      placeholder={placeholder}
      leftSection={<IconSearch size={16} aria-hidden />}
      value={typed}
      maxLength={200}
      dir="auto"
      onChange={event => type(event.currentTarget.value)}
      rightSection={
        typed === '' ? null : <CloseButton size="sm" aria-label={texts.clearSearch} onClick={() => type('')} />
      }
      {...props}
    />
  );
}
