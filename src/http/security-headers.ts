// What helmet says about every answer that a browser may show, worked out once: its Fastify plugin makes twelve functions anew for
// each request, which takes as long as a decision does.
import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from 'helmet';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Programs alone read its answers, or they say for themselves what browsers may do with them. */
    isBare?: boolean;
  }
}

/** By name in lower case. */
export const securityHeaders: Readonly<Record<string, string>> = Object.freeze(worked());

function worked(): Record<string, string> {
  const headers: Record<string, string> = {};
  const response = {
    setHeader: (name: string, value: string) => {
      headers[name.toLowerCase()] = value;
    },
    removeHeader: () => {},
  };
  helmet()({} as IncomingMessage, response as unknown as ServerResponse, error => {
    if (error !== undefined) throw error;
  });
  return headers;
}
