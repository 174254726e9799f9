import type { ServerResponse } from 'node:http';

/** Makes a response that has been sent ignore whatever else is done to it. */
export function silence(response: ServerResponse): void {
  const same = (): ServerResponse => response;
  Object.assign(response, {
    setHeader: same,
    setHeaders: same,
    appendHeader: same,
    removeHeader: () => undefined,
    flushHeaders: () => undefined,
    writeHead: same,
    write: () => true,
    end: same,
  });
}
