// Asks before something is done that cannot be undone or takes something away; where much is at stake a word must be typed.
import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { texts } from '../texts.ts';
import { Failure } from './failure.tsx';

interface AskFirstProps {
  isOpen: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
  /** What the button says that does it. */
  action: string;
  /** What the other button says, which is then the likelier choice and has the focus; absent: Cancel. */
  cancel?: string;
  onConfirm: () => void;
  isBusy: boolean;
  error: unknown;
  /** Must be typed before. */
  typed?: string;
  /** Red, for what takes something away. */
  isDangerous?: boolean;
}

export function AskFirst(props: AskFirstProps) {
  const { isOpen, onClose, title, children, action, onConfirm, isBusy, error, typed, isDangerous = true } = props;
  const { cancel = texts.askFirst.cancel } = props;
  const [said, setSaid] = useState('');
  const isReady = typed === undefined || said === typed;
  const close = () => {
    setSaid('');
    onClose();
  };
  return (
    <Modal opened={isOpen} onClose={close} title={title}>
      <form
        onSubmit={event => {
          event.preventDefault();
          // React passes it on to a form that the dialog is written in, which would send itself as well.
          event.stopPropagation();
          if (isReady) onConfirm();
        }}
      >
        <Stack gap="md">
          {children}
          {typed !== undefined && (
            <TextInput
              label={texts.askFirst.type(typed)}
              value={said}
              onChange={event => setSaid(event.currentTarget.value)}
              data-autofocus
              autoComplete="off"
            />
          )}
          {error !== null && error !== undefined && <Failure error={error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close} data-autofocus={props.cancel !== undefined || undefined}>
              {cancel}
            </Button>
            <Button type="submit" color={isDangerous ? 'red' : 'blue'} disabled={!isReady} loading={isBusy}>
              {action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
