// Choosing single scopes: by group, each with its sentence; what another one includes comes with it.
import { Checkbox, Input, Skeleton, Stack, Text } from '@mantine/core';
import { Failure } from '../../parts/failure.tsx';
import { texts } from '../../texts.ts';
import { grouped, useScopes } from './keys-scopes.ts';

interface ChooseScopesProps {
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
  error: string | undefined;
}

export function ChooseScopes({ chosen, onChange, error }: ChooseScopesProps) {
  const { scopes, sentenceOf, error: failure, isPending } = useScopes();
  const included = new Set(scopes.filter(({ scope }) => chosen.includes(scope)).flatMap(({ includes }) => includes));
  const toggle = (scope: string, isOn: boolean) =>
    onChange(isOn ? [...chosen, scope] : chosen.filter(other => other !== scope));
  if (isPending) return <Skeleton height={320} />;
  if (failure !== null) return <Failure error={failure} />;
  return (
    <Stack gap="md" className="scopes">
      {grouped(scopes).map(({ name, scopes: ofGroup }) => (
        <Stack key={name} gap="xs" role="group" aria-label={texts.keys.groups[name]}>
          <Text size="sm" fw={600}>
            {texts.keys.groups[name]}
          </Text>
          {ofGroup.map(({ scope, mayGive }) => {
            const isIncluded = included.has(scope) && !chosen.includes(scope);
            const remark = isIncluded ? texts.keys.dialog.included : mayGive ? '' : texts.keys.dialog.lacking;
            return (
              <Checkbox
                key={scope}
                label={sentenceOf(scope)}
                description={
                  <>
                    <span className="code">{scope}</span> {remark}
                  </>
                }
                checked={chosen.includes(scope) || isIncluded}
                disabled={isIncluded || !mayGive}
                onChange={event => toggle(scope, event.currentTarget.checked)}
              />
            );
          })}
        </Stack>
      ))}
      {error !== undefined && <Input.Error role="alert">{error}</Input.Error>}
    </Stack>
  );
}
