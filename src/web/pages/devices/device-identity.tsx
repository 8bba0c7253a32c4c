// What the device is known by: serial numbers and where each comes from, addresses and certificates, and what is wrong with them. Serial
// numbers can be set by hand.
import { Anchor, Button, Group, Stack, Text, Textarea } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { api, ask, type Schemas } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Failure } from '../../parts/failure.tsx';
import { CancelButton, FormModal } from '../../parts/form-modal.tsx';
import { StateMark } from '../../parts/state-mark.tsx';
import { useUnsaved } from '../../parts/unsaved.ts';
import { texts } from '../../texts.ts';
import { Card } from './card.tsx';
import { explanationQuery } from './device-queries.ts';
import { pathOf } from './table-state.ts';

const words = texts.devices.page.identity;
type Device = Schemas['Device'];

const problemText = (code: string) => (words.problems as Readonly<Record<string, string>>)[code] ?? code;

export function IdentityCard({ id, device }: { id: string; device: Device | undefined }) {
  const may = useMay();
  const { data } = useQuery({ ...explanationQuery(id), enabled: may('devices:posture_attributes:read') });
  const [isOpen, setOpen] = useState(false);
  const { serials = [], addresses = [], certificateFingerprints = [], conflicts = [] } = device ?? {};
  const told = new Set(conflicts.flatMap(({ devices }) => devices));
  const others = (data?.alsoOn ?? []).filter(other => !told.has(other));
  return (
    <Card
      title={words.title}
      waits={device === undefined ? 3 : 0}
      action={
        device !== undefined &&
        may('devices:core') && (
          <Button size="xs" variant="default" onClick={() => setOpen(true)}>
            {words.edit}
          </Button>
        )
      }
    >
      <Stack gap="sm">
        {serials.length === 0 && <Text size="sm">{words.noSerial}</Text>}
        {serials.map(({ serial, source, problem }) => (
          <Known
            key={`${serial} ${source}`}
            value={serial}
            about={source === 'manual' ? words.manual : words.reported}
            problem={problem}
            devices={rivalsOf(conflicts, 'serial', serial)}
          />
        ))}
        <OtherKind title={words.addresses} kind="address" values={addresses} conflicts={conflicts} />
        <OtherKind
          title={words.certificates}
          kind="certificate_fingerprint"
          values={certificateFingerprints}
          conflicts={conflicts}
        />
        {others.length > 0 && <Rivals devices={others} />}
      </Stack>
      {device !== undefined && (
        <SerialsDialog key={String(isOpen)} device={device} isOpen={isOpen} onClose={() => setOpen(false)} />
      )}
    </Card>
  );
}

type Conflict = NonNullable<Device['conflicts']>[number];

function rivalsOf(conflicts: readonly Conflict[], kind: string, value: string): Conflict | undefined {
  return conflicts.find(conflict => conflict.kind === kind && conflict.value === value);
}

function OtherKind(props: { title: string; kind: string; values: readonly string[]; conflicts: readonly Conflict[] }) {
  const { title, kind, values, conflicts } = props;
  return values.map(value => {
    const conflict = rivalsOf(conflicts, kind, value);
    return <Known key={value} value={value} about={title} problem={conflict?.problem ?? null} devices={conflict} />;
  });
}

function Known(props: { value: string; about: string; problem: string | null; devices: Conflict | undefined }) {
  const { value, about, problem, devices } = props;
  return (
    <div>
      <Group gap="xs">
        <bdi className="mono wrap">{value}</bdi>
        <Text size="sm" c="dimmed">
          {about}
        </Text>
      </Group>
      {problem !== null && (
        <Group gap={6} mt={2}>
          <StateMark tone={problem === 'replaced_by_manual' ? 'plain' : 'warning'}>{problemText(problem)}</StateMark>
        </Group>
      )}
      {devices !== undefined && <Rivals devices={devices.devices} />}
    </div>
  );
}

function Rivals({ devices }: { devices: readonly string[] }) {
  return (
    <Text size="sm" c="dimmed" className="wrap">
      {words.alsoOn}{' '}
      {devices.map((device, n) => (
        <span key={device}>
          {n > 0 && ', '}
          <Anchor component={Link} to={pathOf(device)} inherit>
            <bdi>{device}</bdi>
          </Anchor>
        </span>
      ))}
    </Text>
  );
}

function SerialsDialog({ device, isOpen, onClose }: { device: Device; isOpen: boolean; onClose: () => void }) {
  const queries = useQueryClient();
  const manual = (device.serials ?? []).filter(({ source }) => source === 'manual').map(({ serial }) => serial);
  const [text, setText] = useState(manual.join('\n'));
  const unsaved = useUnsaved(text);
  const setting = useMutation({
    mutationFn: () => {
      const serialNumbers = text.split('\n').flatMap(line => (line.trim() === '' ? [] : [line.trim()]));
      const params = { path: { deviceId: device.id } };
      return ask(api.PUT('/api/v2/device/{deviceId}/serials', { params, body: { serialNumbers } }));
    },
    onSuccess: async () => {
      notifications.show({ message: words.saved });
      onClose();
      await queries.invalidateQueries({ queryKey: ['devices'] });
    },
  });
  return (
    <FormModal isOpen={isOpen} unsaved={unsaved} onClose={onClose} title={words.edit}>
      <form
        onSubmit={event => {
          event.preventDefault();
          setting.mutate();
        }}
      >
        <Stack gap="md">
          <Text size="sm">{words.editAbout}</Text>
          <Textarea
            label={words.editLabel}
            autosize
            minRows={3}
            value={text}
            data-autofocus
            spellCheck={false}
            classNames={{ input: 'mono' }}
            onChange={event => setText(event.currentTarget.value)}
          />
          {setting.error !== null && <Failure error={setting.error} />}
          <Group justify="flex-end">
            <CancelButton />
            <Button type="submit" loading={setting.isPending}>
              {words.save}
            </Button>
          </Group>
        </Stack>
      </form>
    </FormModal>
  );
}
