// What an entry changed: field by field what was added, removed or changed. All of it is text, whatever it looks like.
import { Box, Text, UnstyledButton } from '@mantine/core';
import { useState } from 'react';
import { texts } from '../../texts.ts';

interface Change {
  field: string;
  /** Undefined: there was, or is, none. */
  old: unknown;
  young: unknown;
}

const deepest = 3;
/** Longer ones are cut until they are asked for. */
const longText = 240;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isPlainList = (value: unknown): value is (string | number | boolean)[] =>
  Array.isArray(value) && value.every(each => typeof each !== 'object');
const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** @returns fields of objects within objects by their path; what is the same is left out */
function changesOf(old: unknown, young: unknown, path = '', depth = 0): Change[] {
  const isInner = isRecord(old) || isRecord(young);
  const isOther = (value: unknown) => value !== undefined && value !== null && !isRecord(value);
  if (!isInner || depth >= deepest || isOther(old) || isOther(young))
    return isSame(old, young) ? [] : [{ field: path, old, young }];
  const [before, after] = [isRecord(old) ? old : {}, isRecord(young) ? young : {}];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap(name =>
    changesOf(before[name], after[name], path === '' ? name : `${path} › ${name}`, depth + 1),
  );
}

const isNothing = (value: unknown) => value === undefined || value === null || value === '';

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (isPlainList(value)) return value.length === 0 ? texts.audit.diff.emptyList : value.join(', ');
  return JSON.stringify(value, null, 1).replaceAll(/\n\s*/g, ' ');
}

function Value({ value, kind }: { value: unknown; kind: 'old' | 'new' }) {
  const [isWhole, setWhole] = useState(false);
  const text = textOf(value);
  const isCut = text.length > longText && !isWhole;
  const { added, removed, more } = texts.audit.diff;
  return (
    <Text component={kind === 'old' ? 'del' : 'ins'} className="diff-value" data-kind={kind} size="sm">
      <span className="diff-sign" role="img" aria-label={kind === 'old' ? removed : added}>
        {kind === 'old' ? '−' : '+'}
      </span>
      <bdi>{isCut ? text.slice(0, longText) : text}</bdi>
      {isCut && (
        <UnstyledButton className="diff-more" onClick={() => setWhole(true)}>
          {more(text.length - longText)}
        </UnstyledButton>
      )}
    </Text>
  );
}

/** Of two lists what went and what came; of anything else both. */
function sidesOf({ old, young }: Change): { old: unknown; young: unknown } {
  if (!isPlainList(old) || !isPlainList(young)) return { old, young };
  const [gone, come] = [old.filter(each => !young.includes(each)), young.filter(each => !old.includes(each))];
  return gone.length + come.length === 0
    ? { old, young }
    : { old: gone.length > 0 ? gone : undefined, young: come.length > 0 ? come : undefined };
}

export function Diff({ old, young }: { old: unknown; young: unknown }) {
  const changes = changesOf(old, young).map(change => ({ ...change, ...sidesOf(change) }));
  const shown = changes.filter(change => !isNothing(change.old) || !isNothing(change.young));
  if (shown.length === 0) return null;
  return (
    <Box component="dl" className="diff">
      {shown.map(({ field, old: before, young: after }) => (
        <div key={field} className="diff-row">
          <Text component="dt" size="sm" c="dimmed" className="wrap">
            <bdi>{field === '' ? texts.audit.diff.value : field}</bdi>
          </Text>
          <dd>
            {!isNothing(before) && <Value value={before} kind="old" />}
            {!isNothing(after) && <Value value={after} kind="new" />}
          </dd>
        </div>
      ))}
    </Box>
  );
}
