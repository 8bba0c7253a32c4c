// A field whose text stands in the address once typing rests. What is typed meanwhile stays as it is typed.
import { useDebouncedCallback } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';

/**
 * @param asked what stands in the address
 * @param follow puts a text there; called without the spaces around it, once nothing was typed for so many ms
 * @returns the field's text, what takes what is typed, and what makes it rest at once, as for who leaves the field: whoever follows a
 *   link right after typing must not be called back from there
 */
export function useTyped(
  asked: string,
  follow: (text: string) => void,
  afterMs: number,
): [string, (text: string) => void, () => void] {
  const [typed, setTyped] = useState(asked);
  /** What the address has, and after it what was put there since: it follows later, one by one or several at once. */
  const sent = useRef([asked]);
  const send = useDebouncedCallback((text: string) => {
    sent.current.push(text);
    follow(text);
  }, afterMs);
  useEffect(() => {
    // The address only follows; else somebody went back, or followed a link.
    const place = sent.current.indexOf(asked);
    sent.current = place === -1 ? [asked] : sent.current.slice(place);
    if (place !== -1) return;
    send.cancel();
    setTyped(asked);
  }, [asked, send]);
  const type = (text: string) => {
    setTyped(text);
    send(text.trim());
  };
  return [typed, type, () => send.flush()];
}
