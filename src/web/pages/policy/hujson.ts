// The language of policies as CodeMirror has it, for who writes.
import { StreamLanguage } from '@codemirror/language';
import { tags } from '@lezer/highlight';
import { type State, startState, token } from './tokens.ts';

/** It indents, and knows which brackets belong together; colours are given by painting.ts. */
export const hujson = StreamLanguage.define<State>({
  name: 'hujson',
  startState,
  token,
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
