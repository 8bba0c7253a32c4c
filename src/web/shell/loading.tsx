// Shown while a page's own part is loaded: nothing for a moment, so that what comes at once does not flicker.
import { Center, Loader } from '@mantine/core';
import { useEffect, useState } from 'react';
import { texts } from '../texts.ts';

export function PageLoading() {
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), 300);
    return () => clearTimeout(timer);
  }, []);
  return <Center mih="60vh">{isLong && <Loader aria-label={texts.shell.loading} />}</Center>;
}
