import { errorResponse, VivaceError, type HttpResponse, type HttpRoute } from 'vivace';

/** Every error of the protocol is `{"error": "…"}`, those of the server too. */
export const failed: NonNullable<HttpRoute['failed']> = (error, _head, { requestId }) =>
  inFormat(errorResponse(error, { requestId }));

/** Refuses every request of a path before its body is read. */
export function refusing(error: VivaceError, headers: Readonly<Record<string, string>> = {}): HttpRoute {
  const refuse = (): never => {
    throw error;
  };
  return {
    admit: refuse,
    handle: refuse,
    failed: (given, _head, { requestId }) =>
      inFormat(errorResponse(given, { requestId, headers: given === error ? headers : {} })),
  };
}

/** Refuses a method that a path does not take: HTTP 405 with `Allow`. */
export function refusingMethod(method: string, allowed: readonly string[]): HttpRoute {
  const allow = allowed.join(', ');
  return refusing(
    new VivaceError('INVALID_ARGUMENT', `${method} is not allowed here: use ${allow}`, { httpStatus: 405 }),
    { allow },
  );
}

function inFormat(response: HttpResponse): HttpResponse {
  const { message } = JSON.parse(response.body as string) as { message: string };
  return { ...response, body: JSON.stringify({ error: message }) };
}
