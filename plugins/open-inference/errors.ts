import { errorResponse, type HttpResponse, type HttpRoute } from 'vivace';

/** Every error of the protocol is `{"error": "…"}`, those of the server too. */
export const failed: NonNullable<HttpRoute['failed']> = (error, _head, { requestId }) =>
  inFormat(errorResponse(error, { requestId }));

/** An error in the format of the protocol. */
export function inFormat(response: HttpResponse): HttpResponse {
  const { message } = JSON.parse(response.body as string) as { message: string };
  return { ...response, body: JSON.stringify({ error: message }) };
}
