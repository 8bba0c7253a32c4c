// A key that was just made: the one time that it can be seen. Nothing but its own button closes this.
import { Alert, Button, Code, Group, Modal, Stack } from '@mantine/core';
import { IconAlertTriangle, IconCheck, IconCopy } from '@tabler/icons-react';
import type { Schemas } from '../../api/client.ts';
import { useCopy } from '../../parts/copy.tsx';
import { texts } from '../../texts.ts';

const words = texts.keys.made;

export function MadeKey({ apiKey, onClose }: { apiKey: Schemas['Key']; onClose: () => void }) {
  const { key = '', description } = apiKey;
  const { copied, copy } = useCopy();
  return (
    <Modal
      opened
      onClose={onClose}
      title={<bdi>{words.title(description)}</bdi>}
      size="lg"
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
    >
      <Stack gap="md">
        <Alert color="orange" icon={<IconAlertTriangle aria-hidden />}>
          {words.once}
        </Alert>
        <Code block className="wrap command made-key">
          {key}
        </Code>
        <Group justify="space-between">
          <Button
            data-autofocus
            onClick={() => copy(key)}
            leftSection={copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
          >
            {copied ? words.copied : words.copy}
          </Button>
          <Button variant="default" onClick={onClose}>
            {words.done}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
