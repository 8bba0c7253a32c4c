// The page where one signs in.
import { Container } from '@mantine/core';
import { Page } from '../../parts/page.tsx';
import { texts } from '../../texts.ts';

export function SignInPage() {
  return (
    <Container size="xs" py="xl">
      <Page title={texts.signIn.title}>{null}</Page>
    </Container>
  );
}
