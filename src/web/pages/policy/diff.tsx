// Two policies beside each other, or where there is no room below each other, with what differs.
import { MergeView, unifiedMergeView } from '@codemirror/merge';
import { EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { Stack, Switch } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';
import { texts } from '../../texts.ts';
import { plainLook } from './editor.tsx';

interface DiffProps {
  before: string;
  after: string;
  /** What the two are called. */
  names: readonly [string, string];
  /** Where the second may be changed: parts of the first can be taken over. */
  onChange?: (text: string) => void;
}

const collapse = { margin: 3, minSize: 6 };
const limits = { scanLimit: 1_000, timeout: 1_000 };

export function PolicyDiff({ before, after, names, onChange }: DiffProps) {
  const place = useRef<HTMLDivElement>(null);
  const [isWhole, setWhole] = useState(false);
  const isWide = useMediaQuery('(min-width: 62em)', true, { getInitialValueInEffect: false });
  const change = useRef(onChange);
  change.current = onChange;
  const written = useRef(after);
  const isEditable = onChange !== undefined;
  const [first, second] = names;
  useEffect(() => {
    if (place.current === null) return;
    const look = (name: string, readOnly: boolean) => [
      ...plainLook,
      EditorState.readOnly.of(readOnly),
      EditorView.contentAttributes.of({ 'aria-label': name }),
    ];
    const shortened = isWhole ? {} : { collapseUnchanged: collapse };
    const own = [
      ...look(second, !isEditable),
      EditorView.updateListener.of(update => {
        if (!update.docChanged) return;
        written.current = update.state.sliceDoc();
        change.current?.(written.current);
      }),
    ];
    const made = isWide
      ? new MergeView({
          a: { doc: before, extensions: look(first, true) },
          b: { doc: written.current, extensions: own },
          parent: place.current,
          ...shortened,
          diffConfig: limits,
          ...(isEditable ? { revertControls: 'a-to-b' as const, renderRevertControl: takeButton } : {}),
        })
      : new EditorView({
          doc: written.current,
          parent: place.current,
          extensions: [
            ...own,
            unifiedMergeView({
              ...{ original: before, ...shortened, diffConfig: limits, mergeControls: isEditable },
            }),
          ],
        });
    return () => made.destroy();
  }, [before, first, second, isWide, isEditable, isWhole]);
  return (
    <Stack gap="xs">
      <Switch
        size="xs"
        label={texts.policy.history.whole}
        checked={isWhole}
        onChange={event => setWhole(event.currentTarget.checked)}
      />
      <div ref={place} className="policy-diff" />
    </Stack>
  );
}

function takeButton(): HTMLElement {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = '→';
  button.title = texts.policy.conflict.take;
  button.setAttribute('aria-label', texts.policy.conflict.take);
  return button;
}
