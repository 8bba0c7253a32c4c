// A dialog with a form. As long as nothing was typed it closes as every other; then a click beside it does nothing, and closing it in any
// other way asks before what was typed is lost.
import { Button, Modal } from '@mantine/core';
import { createContext, type ReactNode, useContext, useState } from 'react';
import { texts } from '../texts.ts';
import { AskDiscard, isAskedAlready } from './ask-discard.tsx';
import type { Unsaved } from './unsaved.ts';

const Closing = createContext(() => {});

interface FormModalProps {
  title: ReactNode;
  /** Of the form: `useUnsaved()`. */
  unsaved: Unsaved;
  onClose: () => void;
  children: ReactNode;
  isOpen?: boolean;
  size?: string;
}

export function FormModal({ title, unsaved, onClose, children, isOpen = true, size = 'md' }: FormModalProps) {
  const [isAsking, setAsking] = useState(false);
  const { isUnsaved, forget } = unsaved;
  const close = () => {
    if (!isUnsaved) onClose();
    else if (!isAskedAlready()) setAsking(true);
  };
  return (
    <>
      <Modal opened={isOpen} onClose={close} title={title} size={size} closeOnClickOutside={!isUnsaved}>
        <Closing value={close}>{children}</Closing>
      </Modal>
      {isAsking && (
        <AskDiscard
          onKeep={() => setAsking(false)}
          onDiscard={() => {
            forget();
            setAsking(false);
            onClose();
          }}
        />
      )}
    </>
  );
}

/** Closes the dialog that it stands in, as the other ways of closing it do. */
export function CancelButton() {
  const close = useContext(Closing);
  return (
    <Button variant="default" onClick={close}>
      {texts.askFirst.cancel}
    </Button>
  );
}
