// Colours a policy's text, as far as it is to be seen. CodeMirror's languages could, for a third of the editor's weight: they come with what
// helps to write.
import { type Extension, type Range, RangeSet, type Text } from '@codemirror/state';
import { Decoration, type DecorationSet, type EditorView, ViewPlugin, type ViewUpdate } from '@codemirror/view';
import { type State, type Stream, startState, token } from './tokens.ts';

/** One line, as StringStream has it. */
class LineStream implements Stream {
  pos = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.pos >= this.#text.length;
  }

  sol(): boolean {
    return this.pos === 0;
  }

  peek(): string | undefined {
    return this.#text.charAt(this.pos) || undefined;
  }

  next(): string | undefined {
    return this.#text.charAt(this.pos++) || undefined;
  }

  eat(wanted: string | RegExp | ((character: string) => boolean)): string | undefined {
    const character = this.peek();
    return character === wanted ? this.next() : undefined;
  }

  eatSpace(): boolean {
    return this.match(/^\s+/) !== null;
  }

  skipTo(text: string): boolean {
    const at = this.#text.indexOf(text, this.pos);
    if (at >= 0) this.pos = at;
    return at >= 0;
  }

  skipToEnd(): void {
    this.pos = this.#text.length;
  }

  match(pattern: string | RegExp, consume = true): boolean | RegExpMatchArray | null {
    const rest = this.#text.slice(this.pos);
    const found = typeof pattern === 'string' ? rest.startsWith(pattern) || null : rest.match(pattern);
    if (found !== null && consume)
      this.pos += typeof pattern === 'string' ? pattern.length : ((found as string[])[0]?.length ?? 0);
    return found;
  }
}

const marks = new Map<string, Decoration>();

function markOf(name: string): Decoration {
  const mark = marks.get(name) ?? Decoration.mark({ class: `code-${name}` });
  marks.set(name, mark);
  return mark;
}

/** Reads a line, and leaves the state as the next one begins. */
function readLine(text: string, state: State, see: (from: number, to: number, name: string) => void): void {
  const stream = new LineStream(text);
  while (!stream.isAtEnd) {
    const from = stream.pos;
    const name = token(stream, state);
    if (name !== null && stream.pos > from) see(from, stream.pos, name);
  }
}

class Painter {
  decorations: DecorationSet;
  /** As each line begins, as far as it was read. */
  readonly #states: State[] = [startState()];

  constructor(view: EditorView) {
    this.decorations = this.#painted(view);
  }

  update({ view, docChanged, viewportChanged, changes, startState: { doc } }: ViewUpdate): void {
    if (docChanged) {
      let first = doc.lines;
      changes.iterChangedRanges(from => {
        first = Math.min(first, doc.lineAt(from).number);
      });
      this.#states.length = Math.min(this.#states.length, first);
    }
    if (docChanged || viewportChanged) this.decorations = this.#painted(view);
  }

  #painted({ visibleRanges, state: { doc } }: EditorView): DecorationSet {
    const painted: Range<Decoration>[] = [];
    for (const { from, to } of visibleRanges) {
      const last = doc.lineAt(to).number;
      for (let number = doc.lineAt(from).number; number <= last; number++) {
        const line = doc.line(number);
        readLine(line.text, { ...this.#stateAt(doc, number) }, (begin, end, name) => {
          painted.push(markOf(name).range(line.from + begin, line.from + end));
        });
      }
    }
    // Two ranges may share a line.
    return RangeSet.of(painted, true);
  }

  #stateAt(doc: Text, number: number): State {
    for (let line = this.#states.length; line < number; line++) {
      const state = { ...(this.#states[line - 1] ?? startState()) };
      readLine(doc.line(line).text, state, () => {});
      this.#states[line] = state;
    }
    return this.#states[number - 1] ?? startState();
  }
}

export const painting: Extension = ViewPlugin.fromClass(Painter, { decorations: ({ decorations }) => decorations });
