// The language of policies for the editor: JSON with comments and trailing commas, and within texts that look like a condition its names,
// operators and values. It colours and indents; what is right is for the service to say.
import { HighlightStyle, StreamLanguage, type StringStream, syntaxHighlighting } from '@codemirror/language';
import { tags } from '@lezer/highlight';

interface State {
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

function first(stream: StringStream, rules: typeof outside): string | null {
  return rules.find(([form]) => stream.match(form) !== null)?.[1] ?? null;
}

function comment(stream: StringStream, state: State): string {
  if (stream.skipTo('*/')) {
    stream.match('*/');
    state.isInComment = false;
  } else stream.skipToEnd();
  return 'comment';
}

function within(stream: StringStream, state: State): string {
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

const language = StreamLanguage.define<State>({
  name: 'hujson',
  startState: () => ({ isInComment: false, text: 'none', depth: 0 }),
  token(stream, state) {
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
  },
  indent: ({ depth }, textAfter, { unit }) => Math.max(0, depth - (/^[\]}]/.test(textAfter) ? 1 : 0)) * unit,
  languageData: {
    commentTokens: { line: '//', block: { open: '/*', close: '*/' } },
    closeBrackets: { brackets: ['[', '{', '"'] },
    indentOnInput: /^\s*[\]}]$/,
  },
  tokenTable: {
    ...{ comment: tags.comment, property: tags.propertyName, string: tags.string, escape: tags.escape },
    ...{ number: tags.number, bool: tags.bool, separator: tags.separator, bracket: tags.bracket },
    ...{ label: tags.labelName, attribute: tags.attributeName, operator: tags.operator, word: tags.operatorKeyword },
    value: tags.special(tags.string),
  },
});

/** Colours are those of policy.css, in light and dark. */
const colours = HighlightStyle.define([
  { tag: tags.comment, color: 'var(--code-comment)', fontStyle: 'italic' },
  { tag: tags.propertyName, color: 'var(--code-name)' },
  { tag: [tags.string, tags.escape], color: 'var(--code-text)' },
  { tag: [tags.number, tags.bool, tags.special(tags.string)], color: 'var(--code-value)' },
  { tag: [tags.attributeName, tags.labelName], color: 'var(--code-attribute)', fontWeight: '600' },
  { tag: [tags.operator, tags.operatorKeyword], color: 'var(--code-operator)' },
]);

export const hujson = [language, syntaxHighlighting(colours)];
