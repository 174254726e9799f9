import { asVivaceError, untilAborted, valuesUnless, type CallContext, type FailedKey } from 'vivace';
import type { Connection } from './connection.js';

/** Places of a batch that one command is about. */
export interface Span {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/** The server does nothing else while it works on a command, so a batch of large values becomes several. */
const commandBytes = 1_000_000;

/** Reads keys: with one MGET, or in a cluster one by one, where some may fail. */
export async function readMany(
  connection: Connection,
  keys: readonly string[],
  context: CallContext,
): Promise<readonly (Uint8Array | undefined)[]> {
  if (!connection.spread) {
    const answer = connection.send(keys[0]!, ['MGET', ...keys]);
    return toValues((await untilAborted(answer, context.signal)) as (Uint8Array | null)[]);
  }
  return settle(
    oneByOne(keys.length),
    async ({ from }) =>
      toValues([(await connection.send(keys[from]!, ['GET', keys[from]!])) as Buffer | null]),
    context,
  );
}

/** Sends a command for each span, all at once, and puts their answers end to end. */
export async function settle<T>(
  spans: readonly Span[],
  answer: (span: Span) => Promise<readonly T[]>,
  { signal }: CallContext,
): Promise<readonly T[]> {
  const values = new Array<T>(spans.at(-1)!.to);
  const failures: FailedKey[] = [];
  const working = spans.map(async (span) => {
    try {
      const answered = await answer(span);
      for (let i = span.from; i < span.to; i++) values[i] = answered[i - span.from] as T;
    } catch (error) {
      for (let i = span.from; i < span.to; i++) failures.push({ index: i, error: asVivaceError(error) });
    }
  });
  await untilAborted(Promise.all(working), signal);
  return valuesUnless(
    failures.sort((a, b) => a.index - b.index),
    values,
  );
}

/** Removes the keys of a server that begin with a text, a thousand places of its table at a time. @returns How many there were. */
export async function dropKeys(connection: Connection, prefix: string, signal: AbortSignal): Promise<number> {
  const pattern = `${prefix.replace(/[*?[\]\\]/g, '\\$&')}*`;
  let dropped = 0;
  let cursor = '0';
  do {
    const scan = connection.send(prefix, ['SCAN', cursor, 'MATCH', pattern, 'COUNT', '1000']);
    const [next, keys] = (await untilAborted(scan, signal)) as [Buffer, Buffer[]];
    cursor = String(next);
    if (keys.length === 0) continue;
    dropped += Number(await untilAborted(connection.send(prefix, ['UNLINK', ...keys]), signal));
  } while (cursor !== '0');
  return dropped;
}

/** How the entries of a batch are shared out among commands. */
export function spansOf({ spread }: Connection, entries: readonly { readonly value: Uint8Array }[]): Span[] {
  if (spread) return oneByOne(entries.length);
  const spans: Span[] = [];
  let [from, bytes] = [0, 0];
  entries.forEach(({ value }, i) => {
    if (bytes > 0 && bytes + value.length > commandBytes) {
      spans.push({ from, to: i });
      [from, bytes] = [i, 0];
    }
    bytes += value.length;
  });
  spans.push({ from, to: entries.length });
  return spans;
}

function oneByOne(count: number): Span[] {
  return Array.from({ length: count }, (_, from) => ({ from, to: from + 1 }));
}

/** The same array, with `undefined` where the server has nothing. */
function toValues(values: (Uint8Array | null | undefined)[]): (Uint8Array | undefined)[] {
  for (let i = 0; i < values.length; i++) if (values[i] === null) values[i] = undefined;
  return values as (Uint8Array | undefined)[];
}
