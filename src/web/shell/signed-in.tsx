// Shows pages to who is signed in; all others are led to signing in, and back to the page that they asked for.
import { useQuery } from '@tanstack/react-query';
import { Navigate, Outlet, useLocation } from 'react-router';
import { RequestError } from '../api/client.ts';
import { sessionQuery } from '../api/session.ts';
import { Failure } from '../parts/failure.tsx';
import { PageLoading } from './loading.tsx';

export function SignedIn() {
  const { pathname, search, hash } = useLocation();
  const session = useQuery(sessionQuery);
  if (session.data !== undefined) return <Outlet />;
  if (session.isPending) return <PageLoading />;
  if (session.error instanceof RequestError && session.error.status === 401)
    return (
      <Navigate to={{ pathname: '/sign-in', search: `?to=${encodeURIComponent(pathname + search + hash)}` }} replace />
    );
  return <Failure error={session.error} onRetry={() => session.refetch()} />;
}
