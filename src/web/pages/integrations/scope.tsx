// What a token sees: accounts and sites, a line each, the first of many.
import { Text } from '@mantine/core';
import { texts } from '../../texts.ts';
import { figure } from './words.ts';

const t = texts.integrations;
const most = 6;

export function Scope({ scope }: { scope: readonly string[] | null }) {
  if (scope === null || scope.length === 0) return <span>{t.facts.unknown}</span>;
  return (
    <>
      {scope.slice(0, most).map(each => (
        <Text key={each} size="sm" className="wrap">
          <bdi>{each}</bdi>
        </Text>
      ))}
      {scope.length > most && (
        <Text size="xs" c="dimmed">
          {t.held.more(figure(scope.length - most))}
        </Text>
      )}
    </>
  );
}
