// How the pages look: one blue, system fonts, and contrasts that hold in light and dark.
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core';

const blue: MantineColorsTuple = [
  '#eef4ff',
  '#dbe6fb',
  '#b3cbf5',
  '#88aef0',
  '#6595eb',
  '#4f86e8',
  '#3573d9',
  '#2563c9',
  '#1b56b3',
  '#0c489c',
];

export const theme = createTheme({
  primaryColor: 'blue',
  primaryShade: { light: 7, dark: 7 },
  colors: { blue },
  autoContrast: true,
  defaultRadius: 'md',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: {
    fontWeight: '600',
    sizes: { h1: { fontSize: '1.5rem', lineHeight: '1.3' }, h2: { fontSize: '1.125rem', lineHeight: '1.4' } },
  },
  respectReducedMotion: true,
  cursorType: 'pointer',
  components: {
    Badge: { defaultProps: { tt: 'none', fw: 500 } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 200, events: { hover: true, focus: true, touch: true } } },
    // The head of a dialog is no second banner of the document.
    Modal: {
      defaultProps: {
        centered: true,
        closeButtonProps: { 'aria-label': 'Close' },
        attributes: { header: { role: 'none' } },
      },
    },
    Drawer: {
      defaultProps: { closeButtonProps: { 'aria-label': 'Close' }, attributes: { header: { role: 'none' } } },
    },
  },
});

/** Of words on a light ground of the same colour: Mantine's own have less contrast than 4.5. */
const words = {
  '--mantine-color-teal-light-color': '#06664a',
  '--mantine-color-green-light-color': '#23722f',
  '--mantine-color-yellow-light-color': '#8a4600',
  '--mantine-color-orange-light-color': '#a83808',
  '--mantine-color-red-light-color': '#b02323',
};

/** In the dark, grounds that are tinted and not filled: dimmed words and links on them can be read. */
const tints = Object.fromEntries(
  [
    ['blue', '#182b4d', '#a9c6f8'],
    ['teal', '#10312a', '#63e6be'],
    ['green', '#15321b', '#8ce99a'],
    ['yellow', '#352a10', '#ffd43b'],
    ['orange', '#3a2416', '#ffb07a'],
    ['red', '#3d1c1e', '#ffa8a8'],
    ['gray', '#262b33', '#c1c7d0'],
  ].flatMap(([color, ground, word]) => [
    [`--mantine-color-${color}-light`, ground],
    [`--mantine-color-${color}-light-color`, word],
  ]),
);

/** Surfaces, and a dimmed text that can still be read on them. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--page': '#f6f7f9',
    '--surface': '#ffffff',
    '--line': '#dde1e7',
    '--mantine-color-dimmed': '#59626f',
    ...words,
  },
  dark: {
    '--page': '#13161b',
    '--surface': '#1b1f26',
    '--line': '#303742',
    '--mantine-color-body': '#1b1f26',
    '--mantine-color-dimmed': '#a4adba',
    ...tints,
  },
});

/** @returns what styles that are made here must carry by the Content-Security-Policy; given anew with each document */
export function styleNonce(): string {
  return document.querySelector('meta[name="csp-nonce"]')?.getAttribute('content') ?? '';
}
