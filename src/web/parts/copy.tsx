// Copies a text; where the browser lets no page do that, as over plain http, it says so: else somebody goes on with nothing copied.
import { ActionIcon, Tooltip } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { IconCheck, IconCopy, type TablerIcon } from '@tabler/icons-react';
import { useEffect } from 'react';
import { texts } from '../texts.ts';

const copiedMs = 4_000;

/** @returns whether the text was copied just now, and what copies one */
export function useCopy(): { copied: boolean; copy: (text: string) => void } {
  const { copied, copy, error } = useClipboard({ timeout: copiedMs });
  useEffect(() => {
    if (error !== null) notifications.show({ color: 'orange', message: texts.cannotCopy, autoClose: false });
  }, [error]);
  return { copied, copy };
}

interface CopyIconProps {
  text: string;
  words: { copy: string; copied: string };
  icon?: TablerIcon;
  size?: string;
}

export function CopyIcon({ text, words, icon: Icon = IconCopy, size = 'md' }: CopyIconProps) {
  const { copied, copy } = useCopy();
  const label = copied ? words.copied : words.copy;
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" size={size} onClick={() => copy(text)} aria-label={label}>
        {copied ? <IconCheck size={16} aria-hidden /> : <Icon size={16} aria-hidden />}
      </ActionIcon>
    </Tooltip>
  );
}
