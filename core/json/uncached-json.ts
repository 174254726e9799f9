import type { HttpResponse } from '../ports/http-server.js';

/** An answer in JSON that is about this moment, as that to a probe is: no cache may keep it. */
export function uncachedJson(value: object, status = 200): HttpResponse {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  return { status, headers, body: JSON.stringify(value) };
}
