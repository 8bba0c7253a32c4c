// A filter that is in force: what it is, and the button that takes it away.
import { CloseButton } from '@mantine/core';
import { texts } from '../texts.ts';

interface ChipProps {
  name: string;
  value: string;
  /** What it is called where it is taken away; its name, unless that is not enough. */
  of?: string;
  onRemove: () => void;
}

export function Chip({ name, value, of = name, onRemove }: ChipProps) {
  return (
    <span className="chip">
      <span className="chip-name">{name}</span>
      <bdi className="cut">{value}</bdi>
      <CloseButton size="xs" aria-label={texts.chip.remove(of)} onClick={onRemove} />
    </span>
  );
}
