// Asks before what was typed and not saved is lost.
import { Text } from '@mantine/core';
import { useEffect } from 'react';
import { texts } from '../texts.ts';
import { AskFirst } from './ask-first.tsx';

const words = texts.unsaved;
let asking = 0;

/** The dialog below hears the same keys: Escape is for the question alone. */
export function isAskedAlready(): boolean {
  return asking > 0;
}

interface AskDiscardProps {
  onKeep: () => void;
  onDiscard: () => void;
}

/** Mounted while it asks: mounted by a key, it would hear that very key if it were there before. */
export function AskDiscard({ onKeep, onDiscard }: AskDiscardProps) {
  useEffect(() => {
    asking++;
    return () => {
      asking--;
    };
  }, []);
  return (
    <AskFirst
      isOpen
      onClose={onKeep}
      title={words.title}
      action={words.discard}
      cancel={words.keep}
      onConfirm={onDiscard}
      isBusy={false}
      error={null}
    >
      <Text size="sm">{words.about}</Text>
    </AskFirst>
  );
}
