// A search that stands in the address: what is typed is asked for once typing rests.
import { CloseButton, TextInput, type TextInputProps } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { texts } from '../texts.ts';
import { useTyped } from './typed.ts';
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
  const [typed, type, rest] = useTyped(asked, text => change({ [param]: text }, { replace: true }), restsMs);
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
      onBlur={rest}
      rightSection={
        typed === '' ? null : <CloseButton size="sm" aria-label={texts.clearSearch} onClick={() => type('')} />
      }
      {...props}
    />
  );
}
