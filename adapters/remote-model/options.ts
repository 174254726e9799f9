import { milliseconds, requestHeaders, secret } from 'vivace';
import { tlsFiles } from 'vivace/kit';
import { z } from 'zod';

const shape = z.strictObject({
  url: z
    .string()
    .refine(isBase, 'is written http://host[:port][/path] or https://…, without credentials and query')
    .describe(
      'Address of a server of the Open Inference Protocol, `http://host[:port]` or `https://…`, with the path before `/v2` where it has one',
    ),
  headers: requestHeaders(secret())
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
