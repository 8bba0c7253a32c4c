// An agent that is bound to a device by hand: what binds it, and what asks before the binding is taken away.
import { Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { type UseMutationResult, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, ask } from '../api/client.ts';
import { texts } from '../texts.ts';
import { AskFirst } from './ask-first.tsx';

const words = texts.binding;
const path = '/api/v2/device/{deviceId}/agents/{agentId}';

/** Which agent. */
export interface AgentRef {
  /** The name of its integration. */
  integration: string;
  id: string;
  hostname: string | null;
}

export const nameOf = ({ hostname, id }: AgentRef) => hostname ?? id;

/**
 * Binds an agent to a device, given by its id, or unbinds it from that; whatever came of it, all that it concerns is asked anew.
 * @param onDone called with the device, also where the agent is no longer listed by then
 */
export function useBinding(
  { integration, id }: AgentRef,
  isBound: boolean,
  onDone: (deviceId: string) => void,
): UseMutationResult<unknown, Error, string> {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (deviceId: string) => {
      const params = { path: { deviceId, agentId: id }, query: { integration } };
      return ask<unknown>(isBound ? api.PUT(path, { params }) : api.DELETE(path, { params }));
    },
    onSuccess: (_, deviceId) => onDone(deviceId),
    onSettled: async () => {
      await Promise.all(['devices', 'integrations'].map(topic => queries.invalidateQueries({ queryKey: [topic] })));
    },
  });
}

/** Mounted while it asks. */
export function UnbindDialog({ agent, device, onClose }: { agent: AgentRef; device: string; onClose: () => void }) {
  const unbind = useBinding(agent, false, () => {
    onClose();
    notifications.show({ message: words.undone });
  });
  return (
    <AskFirst
      isOpen
      onClose={onClose}
      title={words.undoTitle}
      action={words.undo}
      isBusy={unbind.isPending}
      error={unbind.error}
      onConfirm={() => unbind.mutate(device)}
    >
      <Text size="sm" className="wrap">
        {words.undoAbout(nameOf(agent), device)}
      </Text>
    </AskFirst>
  );
}
