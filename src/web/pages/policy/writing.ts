// What the editor of a policy has for who writes: completion, search, undoing, the keys for all that, and the service's findings at their
// lines. It is loaded once somebody begins, or once there is a finding to show.
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
import { Compartment, type Extension, type Text } from '@codemirror/state';
import { type EditorView, keymap } from '@codemirror/view';
import { type Catalogue, completeFrom } from './completion.ts';
import { hujson } from './hujson.ts';
import { offsetIn } from './places.ts';
import { type Placed, sentenceOf } from './problems.tsx';

function diagnosticOf(doc: Text, finding: Placed): Diagnostic {
  const begin = offsetIn(doc, finding.line, finding.column);
  const line = doc.lineAt(begin);
  const end = offsetIn(doc, finding.endLine, finding.endColumn);
  // Of what goes over many lines the first is marked; of what has no length the next character.
  const to = Math.min(Math.max(end, begin + 1), line.to);
  const from = begin === to && begin > line.from ? begin - 1 : begin;
  return { from, to: Math.max(to, from), severity: finding.severity, message: sentenceOf(finding) };
}

/** Marks what was found, and only that. */
export function showFindings(view: EditorView, findings: readonly Placed[]): void {
  const { doc } = view.state;
  const diagnostics = findings.map(finding => diagnosticOf(doc, finding)).sort((a, b) => a.from - b.from);
  view.dispatch(setDiagnostics(view.state, diagnostics));
}

const undoing = new Compartment();

/** What was done until now cannot be undone any more. */
export function forgetDone(view: EditorView): void {
  view.dispatch({ effects: undoing.reconfigure([]) });
  view.dispatch({ effects: undoing.reconfigure(history()) });
}

/** The keys for completion come first: Tab takes what is offered, and leaves the editor where nothing is. */
export function writing(catalogue: () => Catalogue | undefined): Extension[] {
  return [
    hujson,
    ...[undoing.of(history()), bracketMatching(), closeBrackets(), indentOnInput(), lintGutter()],
    ...[search({ top: true }), highlightSelectionMatches()],
    autocompletion({ override: [completeFrom(catalogue)], icons: false }),
    keymap.of([
      { key: 'Tab', run: acceptCompletion },
      ...[closeBracketsKeymap, completionKeymap, searchKeymap, lintKeymap, historyKeymap, defaultKeymap].flat(),
    ]),
  ];
}
