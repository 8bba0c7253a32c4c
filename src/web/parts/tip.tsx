// What is said of something while it is pointed at or focused: one tooltip for all places that have one. A table has hundreds of
// them, and a tooltip each cost more than everything else that was drawn.
import { Tooltip } from '@mantine/core';
import { useEffect, useId, useState } from 'react';
import { useLocation } from 'react-router';

/** @param text none: nothing is said @returns properties of the element of which it is said */
export function tip(text: string | null | undefined): { 'data-tip'?: string } {
  return text ? { 'data-tip': text } : {};
}

/** Of an element whose text may be cut: then the whole of it is said. */
export const tipOfCut = { 'data-tip-cut': '' };

interface Told {
  of: HTMLElement;
  text: string;
}

function toldOf(target: EventTarget | null): Told | null {
  if (!(target instanceof Element)) return null;
  const of = target.closest<HTMLElement>('[data-tip], [data-tip-cut]') ?? cutWithin(target);
  if (of === null) return null;
  const isWhole = of.dataset.tip === undefined && of.scrollWidth <= of.clientWidth;
  return isWhole ? null : { of, text: of.dataset.tip ?? of.textContent ?? '' };
}

/** A link gets the focus, and the text in it is what is cut. */
function cutWithin(target: Element): HTMLElement | null {
  return target.matches('a, button') ? target.querySelector<HTMLElement>(':scope > [data-tip-cut]') : null;
}

/** Stands once around all pages. */
export function Tips() {
  const [told, tell] = useState<Told | null>(null);
  const id = useId();
  const { key } = useLocation();
  useEffect(() => {
    const look = ({ target }: Event) => {
      const next = toldOf(target);
      tell(before => (before?.of === next?.of && before?.text === next?.text ? before : next));
    };
    const hide = () => tell(null);
    // A finger that touches has pointed, and goes.
    const hideOfMouse = ({ pointerType }: PointerEvent) => {
      if (pointerType === 'mouse') hide();
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape') hide();
    };
    const heard = [
      ['pointerover', look],
      ['focusin', look],
      ['focusout', hide],
      ['scroll', hide],
    ] as const;
    for (const [name, act] of heard) document.addEventListener(name, act, { capture: true, passive: true });
    document.documentElement.addEventListener('pointerleave', hideOfMouse);
    document.addEventListener('pointerdown', hideOfMouse);
    document.addEventListener('keydown', onKey);
    return () => {
      for (const [name, act] of heard) document.removeEventListener(name, act, { capture: true });
      document.documentElement.removeEventListener('pointerleave', hideOfMouse);
      document.removeEventListener('pointerdown', hideOfMouse);
      document.removeEventListener('keydown', onKey);
    };
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was pointed at may be gone wherever one goes
  useEffect(() => tell(null), [key]);
  useEffect(() => {
    told?.of.setAttribute('aria-describedby', id);
    return () => told?.of.removeAttribute('aria-describedby');
  }, [told, id]);
  if (told === null) return null;
  return (
    <Tooltip
      // Another place is another tooltip: it does not fly there.
      key={told.text}
      target={told.of}
      label={<bdi id={id}>{told.text}</bdi>}
      opened
      multiline
      maw={480}
      classNames={{ tooltip: 'wrap' }}
      transitionProps={{ duration: 0 }}
      hideDetached
    />
  );
}
