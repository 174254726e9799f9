import { milliseconds, secret } from 'vivace';
import { tlsFiles } from 'vivace/kit';
import { z } from 'zod';

/** Headers that every request has of its own: what frames the body, and the connection. */
const own: ReadonlySet<string> = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'inference-header-content-length',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const headerName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$/, 'is not the name of a header')
  .refine((name) => !own.has(name.toLowerCase()), 'is a header that every request has of its own');

const shape = z.strictObject({
  url: z
    .string()
    .refine(isBase, 'is written http://host[:port][/path] or https://…, without credentials and query')
    .describe(
      'Address of a server of the Open Inference Protocol, `http://host[:port]` or `https://…`, with the path before `/v2` where it has one',
    ),
  headers: z
    .record(headerName, secret().regex(/^[\t\x20-\x7e]+$/, 'is not a value of a header'))
    .default({})
    .describe('Headers of every request, such as `{ authorization: Bearer … }`; default none'),
  ...tlsFiles,
  timeoutMs: milliseconds()
    .default(30_000)
    .describe(
      'Longest time for one call, also where its caller would wait longer, milliseconds; default 30 s',
    ),
  maxResponseBytes: z
    .int()
    .min(1_024)
    .max(2_147_483_647)
    .default(268_435_456)
    .describe('Most bytes of one answer; a longer one fails its call; default 268435456'),
});

export const options = shape.refine(
  ({ url, caFile, certFile, keyFile }) =>
    url.startsWith('https:') || (caFile ?? certFile ?? keyFile) === undefined,
  { path: ['url'], message: 'is not an https address, so `caFile`, `certFile` and `keyFile` are not used' },
);

export type RemoteModelOptions = z.output<typeof options>;

function isBase(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && [username, password, search, hash].every((each) => each === '');
}
