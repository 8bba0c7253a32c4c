// API keys: which there are and what each may do; new ones are made here, and those that nobody needs revoked.
import { Button, Group, SegmentedControl, Skeleton, Stack, Text } from '@mantine/core';
import { IconKey, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask, here, type Schemas } from '../../api/client.ts';
import { keepRows, olderMs } from '../../api/queries.ts';
import { useMay } from '../../api/session.ts';
import { Answered } from '../../parts/answered.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { cursorParam, Pager, useNone } from '../../parts/pager.tsx';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';
import { CreateKey } from './keys-create.tsx';
import { RevokeKey } from './keys-revoke.tsx';
import { KeysTable } from './keys-table.tsx';

const perPage = 50;
const words = texts.keys;

export function KeysTab() {
  const [params, change] = useUrlState();
  const [isMaking, setMaking] = useState(false);
  const [revoked, setRevoked] = useState<Schemas['Key'] | null>(null);
  const mayManage = useMay()('api_access_tokens');
  const isAll = params.get('show') === 'all';
  const cursor = params.get(cursorParam);
  const query = {
    limit: perPage,
    ...(cursor === null ? {} : { cursor }),
    ...(isAll ? {} : { state: 'active' as const }),
  };
  const keys = useQuery({
    queryKey: ['keys', 'list', query],
    queryFn: ({ signal }) => ask(api.GET('/api/v2/tailnet/{tailnet}/keys', { params: { path: here, query }, signal })),
    placeholderData: before => keepRows(before, before?.keys),
    refetchInterval: olderMs,
  });
  const isNone = useNone(keys.data?.keys, keys.data?.nextCursor);
  const create = mayManage ? (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setMaking(true)}>
      {words.create}
    </Button>
  ) : (
    <Text size="sm" c="dimmed">
      {words.mayNotCreate}
    </Text>
  );
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-end" gap="sm">
        <Text c="dimmed" maw="40rem">
          {words.about}
        </Text>
        {create}
      </Group>
      <SegmentedControl
        aria-label={words.show.label}
        style={{ alignSelf: 'flex-start' }}
        size="sm"
        value={isAll ? 'all' : 'active'}
        onChange={value => change({ show: value === 'all' ? 'all' : null })}
        data={[
          { value: 'active', label: words.show.active },
          { value: 'all', label: words.show.all },
        ]}
      />
      {keys.isPending && <Skeleton height={320} radius="md" />}
      <Answered query={keys}>
        {keys.data !== undefined && keys.data.keys.length > 0 && (
          <KeysTable keys={keys.data.keys} onRevoke={mayManage ? setRevoked : null} />
        )}
      </Answered>
      {isNone && (
        <Nothing icon={IconKey} title={isAll ? words.empty.title : words.empty.noneActive}>
          <Text c="dimmed">{words.empty.about}</Text>
        </Nothing>
      )}
      <Pager nextCursor={keys.data?.nextCursor} />
      {isMaking && <CreateKey onClose={() => setMaking(false)} />}
      {revoked !== null && <RevokeKey apiKey={revoked} onClose={() => setRevoked(null)} />}
    </Stack>
  );
}
