import type { Call, MaybePromise } from '../kernel/call.js';
import { VivaceError } from '../kernel/errors.js';
import type { HttpRequestHead, HttpRoute } from '../ports/http-server.js';

/**
 * Asks a route whether the body of a request is to be read.
 *
 * @returns The call to go on with; the one that was given where the route has no `admit`.
 * @throws {VivaceError} What `admit` throws, and `INTERNAL`, with the name of the route, where it returns no call.
 */
export function admittedCall(route: HttpRoute, head: HttpRequestHead, call: Call): MaybePromise<Call> {
  if (route.admit === undefined) return call;
  const admitted = route.admit(head, call) as MaybePromise<Call | undefined>;
  return admitted instanceof Promise
    ? admitted.then((given) => checked(given, route, head))
    : checked(admitted, route, head);
}

function checked(call: Call | undefined, { template }: HttpRoute, { method, path }: HttpRequestHead): Call {
  if (call !== undefined) return call;
  const name = template ?? path;
  throw new VivaceError(
    'INTERNAL',
    `\`admit\` of the route ${method} ${name} returned nothing: return the call to go on with, or throw to refuse it`,
  );
}
