// The editor of a policy: CodeMirror with the policy's language, completion, and the service's findings at their place. The Tab key leaves it.
import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching, indentOnInput } from '@codemirror/language';
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { Annotation, Compartment, EditorState, type Extension, type Text } from '@codemirror/state';
import { EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { type Ref, useEffect, useImperativeHandle, useRef } from 'react';
import { styleNonce } from '../../shell/theme.ts';
import { texts } from '../../texts.ts';
import { type Catalogue, completeFrom } from './completion.ts';
import { hujson } from './hujson.ts';
import { type Placed, sentenceOf } from './problems.tsx';

export interface EditorHandle {
  /** Puts the cursor there and shows it. Both from 1. */
  goTo(line: number, column: number): void;
}

interface EditorProps {
  value: string;
  onChange: (text: string) => void;
  onSave: () => void;
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
  hujson,
];

function offsetIn(doc: Text, line: number, column: number): number {
  const found = doc.line(Math.min(Math.max(line, 1), doc.lines));
  // A byte order mark is no column.
  const mark = found.number === 1 && found.text.startsWith('\ufeff') ? 1 : 0;
  return Math.min(found.from + mark + Math.max(column, 1) - 1, found.to);
}

function diagnosticOf(doc: Text, finding: Placed): Diagnostic {
  const begin = offsetIn(doc, finding.line, finding.column);
  const line = doc.lineAt(begin);
  const end = offsetIn(doc, finding.endLine, finding.endColumn);
  // Of what goes over many lines the first is marked; of what has no length the next character.
  const to = Math.min(Math.max(end, begin + 1), line.to);
  const from = begin === to && begin > line.from ? begin - 1 : begin;
  return { from, to: Math.max(to, from), severity: finding.severity, message: sentenceOf(finding) };
}

/** A change that was not typed here. */
const fromOutside = Annotation.define<boolean>();

function readingOnly(isReadOnly: boolean): Extension {
  return [EditorState.readOnly.of(isReadOnly), isReadOnly ? [] : highlightActiveLine()];
}

/** What helps to write. The keys for completion come first: Tab takes what is offered, and leaves the editor where nothing is. */
function writing(latest: { current: EditorProps }): Extension[] {
  return [
    ...[history(), bracketMatching(), closeBrackets(), indentOnInput(), lintGutter()],
    ...[search({ top: true }), highlightSelectionMatches()],
    autocompletion({ override: [completeFrom(() => latest.current.catalogue)], icons: false }),
    keymap.of([
      { key: 'Tab', run: acceptCompletion },
      {
        key: 'Mod-s',
        run: () => {
          latest.current.onSave();
          return true;
        },
      },
      ...[closeBracketsKeymap, completionKeymap, searchKeymap, lintKeymap, historyKeymap, defaultKeymap].flat(),
    ]),
  ];
}

export function PolicyEditor(props: EditorProps) {
  const { value, isReadOnly, findings, ref } = props;
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const readOnly = useRef(new Compartment());
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
          ...writing(latest),
          ...plainLook,
        ],
      }),
    });
    view.current = made;
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
  }, [value]);
  useEffect(() => {
    view.current?.dispatch({ effects: readOnly.current.reconfigure(readingOnly(isReadOnly)) });
  }, [isReadOnly]);
  useEffect(() => {
    const { current } = view;
    if (current === null || findings === null) return;
    const { doc } = current.state;
    const diagnostics = findings.map(finding => diagnosticOf(doc, finding)).sort((a, b) => a.from - b.from);
    current.dispatch(setDiagnostics(current.state, diagnostics));
  }, [findings]);
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
