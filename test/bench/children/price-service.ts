import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { asChild } from '../child.js';

/** A service of prices: `/items/<n>` answers the price of item n at once. */
await asChild(async () => {
  const server = createServer((request, response) => {
    const item = request.url!.slice('/items/'.length);
    const body = `{"id":${item},"offer":{"price":${Number(item) / 4},"currency":"EUR"}}`;
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    ready: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
});
