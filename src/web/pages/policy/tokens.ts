// What a policy's text is made of, token by token: JSON with comments and trailing commas, and within texts that look like a condition its
// names, operators and values. What is right is for the service to say.
import type { StringStream } from '@codemirror/language';

/** A line as it is read; CodeMirror's, or painting.ts's. */
export type Stream = Pick<
  StringStream,
  'match' | 'skipTo' | 'skipToEnd' | 'eat' | 'eatSpace' | 'next' | 'peek' | 'sol'
>;

export interface State {
  isInComment: boolean;
  /** Within a text in double quotes; `condition` where names and operators count. */
  text: 'none' | 'plain' | 'condition';
  depth: number;
}

const inCondition: readonly (readonly [RegExp, string])[] = [
  [/^(posture|group|tag|autogroup):[\w.-]*/, 'label'],
  [/^[A-Za-z]\w*:[A-Za-z][\w:]*/, 'attribute'],
  [/^(IN|NOT|IS|SET|WITHIN)\b/i, 'word'],
  [/^(==|!=|<=|>=|&&|\|\||[<>!])/, 'operator'],
  [/^'[^'"]*'?/, 'value'],
  [/^-?\d+(\.\d+)?\b/, 'number'],
  [/^(true|false)\b/i, 'bool'],
];

const outside: readonly (readonly [RegExp, string])[] = [
  [/^\/\/.*/, 'comment'],
  [/^"(?:[^"\\]|\\.)*"(?=\s*:)/, 'property'],
  [/^-?\d+(\.\d+)?([eE][+-]?\d+)?/, 'number'],
  [/^(true|false|null)\b/, 'bool'],
  [/^[,:]/, 'separator'],
];

function first(stream: Stream, rules: typeof outside): string | null {
  return rules.find(([form]) => stream.match(form) !== null)?.[1] ?? null;
}

function comment(stream: Stream, state: State): string {
  if (stream.skipTo('*/')) {
    stream.match('*/');
    state.isInComment = false;
  } else stream.skipToEnd();
  return 'comment';
}

function within(stream: Stream, state: State): string {
  if (stream.eat('"')) {
    state.text = 'none';
    return 'string';
  }
  if (stream.match(/^\\./) !== null) return 'escape';
  const found = state.text === 'condition' ? first(stream, inCondition) : null;
  if (found !== null) return found;
  stream.next();
  return 'string';
}

export const startState = (): State => ({ isInComment: false, text: 'none', depth: 0 });

/** Reads on. @returns what it read; null where that is nothing */
export function token(stream: Stream, state: State): string | null {
  // A text ends with its line.
  if (stream.sol()) state.text = 'none';
  if (state.isInComment) return comment(stream, state);
  if (state.text !== 'none') return within(stream, state);
  if (stream.eatSpace()) return null;
  if (stream.match('/*')) {
    state.isInComment = true;
    return comment(stream, state);
  }
  const found = first(stream, outside);
  if (found !== null) return found;
  if (stream.peek() === '"') {
    state.text = stream.match(/^"[!(\s]*[A-Za-z]\w*:[A-Za-z]/, false) === null ? 'plain' : 'condition';
    stream.next();
    return 'string';
  }
  const character = stream.next();
  if (character === '{' || character === '[') state.depth++;
  if (character === '}' || character === ']') state.depth = Math.max(0, state.depth - 1);
  return 'bracket';
}
