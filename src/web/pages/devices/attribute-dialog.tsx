// Sets and removes a custom attribute: its type, when it ends, and why, for the audit log. What the service refuses it says.
import { Button, Group, SegmentedControl, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask } from '../../api/client.ts';
import { AskFirst } from '../../parts/ask-first.tsx';
import { Failure } from '../../parts/failure.tsx';
import { CancelButton, FormModal } from '../../parts/form-modal.tsx';
import { useUnsaved } from '../../parts/unsaved.ts';
import { texts } from '../../texts.ts';
import type { Edited } from './device-attributes.tsx';

const words = texts.devices.page.attributes;
type Type = keyof typeof words.types;

/** @returns the local time that a date field of the browser takes */
function fieldTime(at: string | null): string {
  if (at === null) return '';
  const time = new Date(at);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function saidOf(expiry: string, comment: string) {
  return {
    ...(expiry === '' ? {} : { expiry: new Date(expiry).toISOString() }),
    ...(comment.trim() === '' ? {} : { comment: comment.trim() }),
  };
}

/** Whoever leaves the beginning away means it all the same. */
function keyOf(name: string): string {
  return name.includes(':') ? name.trim() : `custom:${name.trim()}`;
}

function typeOf(value: unknown): Type {
  return typeof value === 'boolean' ? 'boolean' : typeof value === 'number' ? 'number' : 'string';
}

export function AttributeDialog({ device, edited, onClose }: { device: string; edited: Edited; onClose: () => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState(edited.name ?? 'custom:');
  const [type, setType] = useState<Type>(typeOf(edited.value));
  const [text, setText] = useState(String(edited.value));
  const [expiry, setExpiry] = useState(fieldTime(edited.expiresAt));
  const [comment, setComment] = useState('');
  const unsaved = useUnsaved([name, type, text, expiry, comment]);
  const isNumber = text.trim() !== '' && Number.isFinite(Number(text));
  const value = type === 'boolean' ? text === 'true' : type === 'number' ? Number(text) : text;
  const setting = useMutation({
    mutationFn: () => {
      const params = { path: { deviceId: device, attributeKey: keyOf(name) } };
      const body = { value, ...saidOf(expiry, comment) };
      return ask(api.POST('/api/v2/device/{deviceId}/attributes/{attributeKey}', { params, body }));
    },
    onSuccess: async () => {
      onClose();
      await queries.invalidateQueries({ queryKey: ['devices'] });
    },
  });
  return (
    <FormModal unsaved={unsaved} onClose={onClose} title={edited.name === null ? words.add : words.edit(edited.name)}>
      <form
        onSubmit={event => {
          event.preventDefault();
          setting.mutate();
        }}
      >
        <Stack gap="md">
          {edited.name === null && (
            <TextInput
              label={words.key}
              description={words.keyHelp}
              value={name}
              data-autofocus
              spellCheck={false}
              onChange={event => setName(event.currentTarget.value)}
            />
          )}
          <TypeField
            type={type}
            onChange={next => {
              setType(next);
              setText(next === 'boolean' ? 'true' : '');
            }}
          />
          <ValueField
            type={type}
            text={text}
            onChange={setText}
            isGood={type !== 'number' || text === '' || isNumber}
          />
          <TextInput
            type="datetime-local"
            label={words.expiry}
            description={words.expiryHelp}
            value={expiry}
            onChange={event => setExpiry(event.currentTarget.value)}
          />
          <TextInput
            label={words.reason}
            description={words.reasonHelp}
            value={comment}
            maxLength={500}
            onChange={event => setComment(event.currentTarget.value)}
          />
          {setting.error !== null && <Failure error={setting.error} />}
          <Group justify="flex-end">
            <CancelButton />
            <Button type="submit" loading={setting.isPending} disabled={type === 'number' && !isNumber}>
              {words.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </FormModal>
  );
}

function TypeField({ type, onChange }: { type: Type; onChange: (type: Type) => void }) {
  return (
    <div>
      <Text size="sm" fw={500} id="attribute-type" mb={4}>
        {words.type}
      </Text>
      <SegmentedControl
        aria-labelledby="attribute-type"
        data={Object.entries(words.types).map(([key, label]) => ({ value: key, label }))}
        value={type}
        onChange={next => onChange(next as Type)}
      />
    </div>
  );
}

interface ValueFieldProps {
  type: Type;
  text: string;
  onChange: (text: string) => void;
  isGood: boolean;
}

function ValueField({ type, text, onChange, isGood }: ValueFieldProps) {
  if (type === 'boolean')
    return <SegmentedControl aria-label={words.value} data={['true', 'false']} value={text} onChange={onChange} />;
  return (
    <TextInput
      label={words.value}
      value={text}
      dir="auto"
      inputMode={type === 'number' ? 'decimal' : 'text'}
      error={isGood ? null : words.notNumber}
      onChange={event => onChange(event.currentTarget.value)}
    />
  );
}

export function RemoveAttribute({ device, name, onClose }: { device: string; name: string; onClose: () => void }) {
  const queries = useQueryClient();
  const [comment, setComment] = useState('');
  const removal = useMutation({
    mutationFn: () =>
      ask(
        api.DELETE('/api/v2/device/{deviceId}/attributes/{attributeKey}', {
          params: {
            path: { deviceId: device, attributeKey: name },
            query: comment.trim() === '' ? {} : { comment: comment.trim() },
          },
        }),
      ),
    onSuccess: async () => {
      onClose();
      await queries.invalidateQueries({ queryKey: ['devices'] });
    },
  });
  return (
    <AskFirst
      isOpen
      onClose={onClose}
      title={words.removeTitle}
      action={words.removeAction}
      onConfirm={() => removal.mutate()}
      isBusy={removal.isPending}
      error={removal.error}
    >
      <Text size="sm" className="wrap">
        {words.removeAbout(name)}
      </Text>
      <TextInput
        label={words.reason}
        description={words.reasonHelp}
        value={comment}
        maxLength={500}
        onChange={event => setComment(event.currentTarget.value)}
      />
    </AskFirst>
  );
}
