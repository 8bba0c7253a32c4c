// Names that are hard to show: long ones, ones from right to left, and ones that would be scripts if anything took them for markup.
import { planted } from './browser.ts';

export const longNames = [
  'a-host-name-without-any-place-to-break-it-'.repeat(6),
  'a name of many short words that goes on and on '.repeat(5),
  'W'.repeat(250),
];

export const rightToLeftNames = [
  'מחשב־נייד של אנה (מטה)',
  'حاسوب محمول 42 – المقر الرئيسي',
  // What turns the direction of all that follows, unless it is kept apart.
  'laptop-\u202etxt.exe',
  '\u2067לא סגור',
];

/** Each sets the flag that fails the test of whoever lets it run. */
export const plantedTexts = [
  `<img src=x onerror="window.${planted}=1">`,
  `"><script>window.${planted}=2</script>`,
  `'-window.${planted}=3-'`,
  `javascript:window.${planted}=4`,
  `</title><svg onload="window.${planted}=5">`,
  `{{constructor.constructor('window.${planted}=6')()}}`,
  `\${window.${planted}=7}`,
  `<a href="javascript:window.${planted}=8">here</a>`,
  `<iframe srcdoc="<script>parent.${planted}=9</script>"></iframe>`,
  `<style>*{background:url(http://127.0.0.1:9/)}</style>`,
  `--><!--<details open ontoggle="window.${planted}=10">`,
  `%3Cscript%3Ewindow.${planted}=11%3C/script%3E`,
];
