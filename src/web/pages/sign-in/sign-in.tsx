// The page where one signs in: by a link that is used once, with the OpenID provider, or with an API key; then back to the page that was
// asked for.
import { Button, Card, Center, Divider, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconLogin2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { Navigate, useLocation, useNavigate, useSearchParams } from 'react-router';
import { api, ask } from '../../api/client.ts';
import { sessionQuery } from '../../api/session.ts';
import { useSignIn } from '../../api/signing.ts';
import { Failure } from '../../parts/failure.tsx';
import { PageLoading } from '../../shell/loading.tsx';
import markUrl from '../../shell/mark.svg';
import { texts } from '../../texts.ts';
import { KeyForm } from './key-form.tsx';
import { NoKey } from './no-key.tsx';
import './sign-in.css';
import { SignInFailure } from './sign-in-failure.tsx';
import { WhySignedOut } from './why-signed-out.tsx';

/** @returns the page to go to: one of ours, whatever the address says */
function targetOf(params: URLSearchParams): string {
  const to = params.get('to') ?? '/';
  return /^\/(?![/\\])/.test(to) && !to.startsWith('/sign-in') ? to : '/';
}

/** @returns the code of the link that was opened last, which is taken out of the address at once; null: there was none */
function useLinkCode(): string | null {
  const { hash, search } = useLocation();
  const navigate = useNavigate();
  const given = new URLSearchParams(hash.slice(1)).get('link');
  const [code, setCode] = useState(given);
  useEffect(() => {
    if (given === null) return;
    setCode(given);
    navigate({ search, hash: '' }, { replace: true });
  }, [given, search, navigate]);
  return code;
}

export function SignInPage() {
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const to = targetOf(params);
  const code = useLinkCode();
  const session = useQuery({ ...sessionQuery, retry: false });
  const signIn = useSignIn(() => navigate(to, { replace: true }));
  const { mutate } = signIn;
  const triedCode = useRef<string | null>(null);
  useEffect(() => {
    document.title = `${texts.signIn.title} – posture-sync`;
  }, []);
  useEffect(() => {
    // It signs in once: also where effects run twice.
    if (code === null || triedCode.current === code) return;
    triedCode.current = code;
    mutate({ link: code });
  }, [code, mutate]);
  const isLinkUnderWay = code !== null && (signIn.isIdle || (signIn.isPending && 'link' in signIn.variables));
  // Whoever opens a used link again, and is signed in still, goes on.
  if (session.data !== undefined && !isLinkUnderWay) return <Navigate to={to} replace />;
  if (session.isPending || isLinkUnderWay) return <PageLoading />;
  return (
    <Center component="main" mih="100dvh" p="md" className="sign-in">
      <Stack w="100%" maw={400} gap="lg">
        <Group gap={10} justify="center" wrap="nowrap">
          <img src={markUrl} alt="" width={28} height={28} />
          <Text fw={600} size="lg">
            posture-sync
          </Text>
        </Group>
        <WhySignedOut />
        <Card withBorder padding="xl" radius="md" className="sign-in-card">
          <Ways to={to} signIn={signIn} />
        </Card>
        <NoKey />
      </Stack>
    </Center>
  );
}

function Ways({ to, signIn }: { to: string; signIn: ReturnType<typeof useSignIn> }) {
  const ways = useQuery({
    queryKey: ['sign-in'],
    queryFn: ({ signal }) => ask(api.GET('/api/v2/sign-in', { signal })),
  });
  const openId = ways.data?.openIdConnect ?? null;
  return (
    <Stack gap="md">
      <Title order={1} size="h2">
        {texts.signIn.title}
      </Title>
      {ways.isError && <Failure error={ways.error} onRetry={() => ways.refetch()} />}
      {ways.isPending && <Skeleton height={136} />}
      {openId !== null && (
        <>
          <Button
            component="a"
            href={`${openId.url}?to=${encodeURIComponent(`/admin${to}`)}`}
            size="md"
            fullWidth
            leftSection={<IconLogin2 size={18} aria-hidden />}
          >
            {texts.signIn.with(openId.name)}
          </Button>
          <Divider label={texts.signIn.or} />
        </>
      )}
      {!ways.isPending && <KeyForm signIn={signIn} isPrimary={openId === null} />}
      {signIn.isError && <SignInFailure error={signIn.error} isLink={'link' in (signIn.variables ?? {})} />}
    </Stack>
  );
}
