import { VivaceError, type HttpRequest } from 'vivace';
import { checkJson, parseJson, type JsonLimits } from 'vivace/wire';

/**
 * The JSON value of a body, or the one that a middleware has made of it.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`, HTTP 400, as `parseJson` and `checkJson`.
 */
export function readJson({ body, parsedBody }: HttpRequest, limits: JsonLimits): unknown {
  if (parsedBody === undefined) return parseJson(body, limits);
  checkJson(parsedBody, limits);
  return parsedBody;
}

/**
 * Many clients send no content type: only a wrong one is refused.
 *
 * @throws {VivaceError} `INVALID_ARGUMENT`, HTTP 415.
 */
export function checkType(type: string | undefined): void {
  if (type === undefined || type === 'application/json') return;
  const [media = '', ...parameters] = type.toLowerCase().split(';');
  const charset = parameters
    .map((parameter) => /^\s*charset\s*=\s*"?([^\s"]+)/.exec(parameter)?.[1])
    .find(Boolean);
  if (
    media.trim() === 'application/json' &&
    (charset === undefined || charset === 'utf-8' || charset === 'utf8')
  )
    return;
  throw new VivaceError('INVALID_ARGUMENT', `the content type "${type}" is not application/json in UTF-8`, {
    httpStatus: 415,
  });
}
