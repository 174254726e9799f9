/** The methods that spans and metrics name; callers could otherwise create an unlimited number of names. */
const knownMethods = new Set([
  'CONNECT',
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
  'QUERY',
  'TRACE',
]);

/** A method as `http.request.method` names it: any that is not known is `_OTHER`. */
export function methodName(method: string): string {
  return knownMethods.has(method) ? method : '_OTHER';
}
