// The editor of a policy: CodeMirror with the policy's language. What helps to write, and the service's findings at their place, come when
// they are wanted (writing.ts): who only reads loads half as much. The Tab key leaves it.
import { Annotation, Compartment, EditorState, type Extension } from '@codemirror/state';
import { EditorView, gutter, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { type Ref, useEffect, useImperativeHandle, useRef, useState } from 'react';
import { styleNonce } from '../../shell/theme.ts';
import { texts } from '../../texts.ts';
import type { Catalogue } from './completion.ts';
import { painting } from './painting.ts';
import { offsetIn } from './places.ts';
import type { Placed } from './problems.tsx';

export interface EditorHandle {
  /** Puts the cursor there and shows it. Both from 1. */
  goTo(line: number, column: number): void;
}

interface EditorProps {
  value: string;
  onChange: (text: string) => void;
  onSave: () => void;
  /** Somebody points at the editor, or is in it. */
  onBegin: () => void;
  isReadOnly: boolean;
  /** Of the text as it is; null while it is being looked over. */
  findings: readonly Placed[] | null;
  catalogue: Catalogue | undefined;
  ref?: Ref<EditorHandle>;
}

/** What every view of a policy's text shares. */
export const plainLook = [
  EditorView.cspNonce.of(styleNonce()),
  EditorView.lineWrapping,
  // What scrolls must be reachable by the keyboard, also for who looks for that by rule.
  EditorView.contentAttributes.of({ tabindex: '0' }),
  EditorView.perLineTextDirection.of(true),
  lineNumbers(),
  painting,
];

/** A change that was not typed here. */
const fromOutside = Annotation.define<boolean>();

function readingOnly(isReadOnly: boolean): Extension {
  return [EditorState.readOnly.of(isReadOnly), isReadOnly ? [] : highlightActiveLine()];
}

function savedBy(save: () => void): Extension {
  const run = () => {
    save();
    return true;
  };
  return keymap.of([{ key: 'Mod-s', run }]);
}

type Writing = typeof import('./writing.ts');

/** Has room for the marks of findings before there are any, so that the text stays where it is. */
const beforeWriting = gutter({ class: 'cm-gutter-lint' });

/** @returns what helps to write, once it is there, and what asks for it */
function useWriting(): [Writing | null, () => void] {
  const [writing, setWriting] = useState<Writing | null>(null);
  const asked = useRef(false);
  const ask = () => {
    if (asked.current) return;
    asked.current = true;
    import('./writing.ts').then(setWriting, () => {
      // The next one who begins asks again; the text can be written without.
      asked.current = false;
    });
  };
  return [writing, ask];
}

export function PolicyEditor(props: EditorProps) {
  const { value, isReadOnly, findings, ref } = props;
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const readOnly = useRef(new Compartment());
  const help = useRef(new Compartment());
  const [writing, askForWriting] = useWriting();
  const begin = useRef(() => {});
  begin.current = () => {
    askForWriting();
    props.onBegin();
  };
  useEffect(() => {
    if (place.current === null) return;
    const made = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: [
          // Kept as they were written.
          ...(latest.current.value.includes('\r\n') ? [EditorState.lineSeparator.of('\r\n')] : []),
          readOnly.current.of(readingOnly(latest.current.isReadOnly)),
          EditorView.contentAttributes.of({ 'aria-label': texts.policy.editor.label, spellcheck: 'false' }),
          EditorView.updateListener.of(update => {
            if (update.docChanged && update.transactions.some(each => each.annotation(fromOutside) !== true))
              latest.current.onChange(update.state.sliceDoc());
          }),
          help.current.of(beforeWriting),
          savedBy(() => latest.current.onSave()),
          ...plainLook,
        ],
      }),
    });
    view.current = made;
    for (const event of ['focusin', 'pointerenter']) made.dom.addEventListener(event, () => begin.current());
    return () => {
      view.current = null;
      made.destroy();
    };
  }, []);
  useEffect(() => {
    const { current } = view;
    if (current === null || current.state.sliceDoc() === value) return;
    current.dispatch({
      changes: { from: 0, to: current.state.doc.length, insert: value },
      annotations: fromOutside.of(true),
    });
    // Undone, what was typed before would bring back parts of another text, as if that had been written over this one.
    writing?.forgetDone(current);
  }, [value, writing]);
  useEffect(() => {
    view.current?.dispatch({ effects: readOnly.current.reconfigure(readingOnly(isReadOnly)) });
  }, [isReadOnly]);
  useEffect(() => {
    if (writing === null) return;
    const extensions = writing.writing(() => latest.current.catalogue);
    view.current?.dispatch({ effects: help.current.reconfigure(extensions) });
  }, [writing]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what asks is another function each time, and asks once
  useEffect(() => {
    if (view.current === null || findings === null) return;
    if (writing !== null) writing.showFindings(view.current, findings);
    else if (findings.length > 0) askForWriting();
  }, [findings, writing]);
  useImperativeHandle(ref, () => ({
    goTo(line, column) {
      const { current } = view;
      if (current === null) return;
      const anchor = offsetIn(current.state.doc, line, column);
      current.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) });
      current.focus();
    },
  }));
  return <div ref={place} className="policy-editor" data-read-only={isReadOnly} />;
}
