import { resolve } from 'node:path';
import { defineAdapter, httpServer } from 'vivace';
import { ListeningServer } from './listening-server.js';
import { MountedServer } from './mounted-server.js';
import { loadMiddleware } from './load-middleware.js';
import { options } from './options.js';

/**
 * HTTP/1.1 over node:http, alone or together with an express application.
 *
 * Alone it listens and answers Vivace's paths itself; with `app`, your express application gets every other request. With `router` it is
 * mounted in your own application instead, and neither listens nor closes anything. `middleware` goes before every route of the part.
 */
export const express = defineAdapter({
  provides: httpServer,
  name: 'express',
  options,
  check: async ({ middleware }, { directory }) => void (await loadMiddleware(middleware, directory)),
  files: ({ middleware }, { directory }) =>
    middleware.flatMap((each) => (typeof each === 'string' ? [resolve(directory, each)] : [])),
  create: ({ router, ...given }, _uses, context) =>
    router === undefined
      ? new ListeningServer(given, context)
      : new MountedServer({ ...given, router }, context),
});
