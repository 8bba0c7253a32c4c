// A sentence of the service as it is shown: times in it as ages, with the exact one on hover, and names from outside each in its own
// direction, else a name would turn what stands around it.
import { Age } from './age.tsx';
import { piecesOf } from './pieces.ts';

interface ToldProps {
  children: string;
  /** What stands in it from outside; null are none. */
  names?: readonly (string | null)[];
}

export function Told({ children, names = [] }: ToldProps) {
  const known = names.flatMap(name => name ?? []);
  return piecesOf(children, known).map(piece => {
    if (piece.kind === 'name') return <bdi key={piece.from}>{piece.text}</bdi>;
    if (piece.kind === 'time')
      return <Age key={piece.from} at={piece.text} as={piece.leading === 'until' ? 'end' : 'age'} />;
    return piece.text;
  });
}
