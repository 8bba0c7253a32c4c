// A sentence of the service with names from outside in it, each in its own direction: else a name would turn what stands around it.

interface NamedProps {
  text: string;
  names: readonly (string | null)[];
}

export function Named({ text, names }: NamedProps) {
  const known = [...new Set(names)].flatMap(name => name || []);
  return parts(text, known).map(({ part, isName, at }) => (isName ? <bdi key={at}>{part}</bdi> : part));
}

interface Part {
  part: string;
  isName: boolean;
  at: number;
}

function parts(text: string, names: readonly string[]): Part[] {
  const found: Part[] = [];
  for (let from = 0; from < text.length; ) {
    const places = names.map(name => ({ name, at: text.indexOf(name, from) })).filter(({ at }) => at >= 0);
    const next = places.sort((a, b) => a.at - b.at || b.name.length - a.name.length)[0];
    const end = next?.at ?? text.length;
    if (end > from) found.push({ part: text.slice(from, end), isName: false, at: from });
    if (next !== undefined) found.push({ part: next.name, isName: true, at: next.at });
    from = next === undefined ? text.length : next.at + next.name.length;
  }
  return found;
}
