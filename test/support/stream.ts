// An answer that does not end by itself, as its text comes.

export interface Stream {
  /** All that came. */
  text(): string;
  /** Resolves with the first that is found in the text, when it has come @throws where the connection ended before */
  until<Found>(find: (text: string) => Found | undefined): Promise<Found>;
  ended: Promise<void>;
}

export function readStream(response: Response): Stream {
  let text = '';
  let isEnded = false;
  let tell = () => {};
  const decoder = new TextDecoder();
  const ended = (async () => {
    try {
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk, { stream: true });
        tell();
      }
    } catch {
      // Cut: that is how some of them end.
    }
    isEnded = true;
    tell();
  })();
  return {
    text: () => text,
    async until(find) {
      for (;;) {
        const found = find(text);
        if (found !== undefined) return found;
        if (isEnded) throw new Error(`the events ended: ${text}`);
        await new Promise<void>(resolve => {
          tell = resolve;
        });
      }
    },
    ended,
  };
}
