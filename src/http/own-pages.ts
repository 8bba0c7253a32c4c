// Whether a page of ours sent a request, which only the browser can tell, and does. It sends cookies, and a key that it was given for
// pages here, along with whatever another site has it send.
import type { FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';

/**
 * Reading is harmless: no other site sees the answer. What changes anything is refused from other sites; and where a cookie alone
 * says who asks, from everywhere but our own pages.
 * @param publicUrl PUBLIC_URL: its pages are ours, and so are those of the address that the request came to
 * @throws AppError forbidden
 */
export function refuseOtherSites(request: FastifyRequest, publicUrl: string): void {
  const { method, headers } = request;
  if (method === 'GET' || method === 'HEAD') return;
  const byCookie = request.caller !== null && request.caller.session !== null;
  const site = headers['sec-fetch-site'];
  if (site === 'same-origin' || (site === 'none' && !byCookie)) return;
  if (site !== undefined) throw new AppError('forbidden', fromElsewhere);
  // Browsers send no Sec-Fetch-Site to an address that is neither https nor loopback; with what is no GET they send this.
  const { origin } = headers;
  if (origin === undefined && !byCookie) return;
  const own = [new URL(publicUrl).origin, `${request.protocol}://${request.host}`];
  if (origin === undefined || !own.includes(origin)) throw new AppError('forbidden', fromElsewhere);
}

const fromElsewhere = 'a page of another site sent this: only pages of this one may change anything';
