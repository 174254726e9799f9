import type { HttpRequestHead, HttpResponse, MaybePromise } from 'vivace';
import { acceptedEncoding, encodeContent, type AnswerEncoding } from 'vivace/wire';

/**
 * An answer in a coding that its caller takes, where it is large enough for that to pay.
 *
 * @param fromBytes The smallest answer that is compressed; `undefined`: none is.
 */
export function compressed(
  answer: HttpResponse,
  { method, headers }: HttpRequestHead,
  fromBytes: number | undefined,
): MaybePromise<HttpResponse> {
  const { body } = answer;
  // A text has at least as many bytes as characters.
  if (fromBytes === undefined || body.length < fromBytes || method === 'HEAD') return answer;
  if (answer.headers['content-encoding'] !== undefined) return answer;
  const varied = { ...answer, headers: { ...answer.headers, vary: varyOf(answer.headers['vary']) } };
  const encoding = acceptedEncoding(headers['accept-encoding']);
  return encoding === undefined ? varied : encoded(varied, encoding);
}

async function encoded(answer: HttpResponse, encoding: AnswerEncoding): Promise<HttpResponse> {
  const body = await encodeContent(answer.body, encoding);
  const plainBytes = typeof answer.body === 'string' ? Buffer.byteLength(answer.body) : answer.body.length;
  if (body.length >= plainBytes) return answer;
  return { ...answer, headers: { ...answer.headers, 'content-encoding': encoding }, body };
}

/** Caches have to keep the codings of an answer apart. */
function varyOf(own: string | undefined): string {
  return own === undefined ? 'accept-encoding' : `${own}, accept-encoding`;
}
